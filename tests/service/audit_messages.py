"""DICOM audit messages as a receiver gets them: each checked by the standard's schema, and read."""

import socket
from pathlib import Path

from lxml import etree

from service.audit_feed.syslog import MSGID, Receiver

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).with_name("audit_message.rng")))


class Syslog:
    """A receiver over UDP in this process."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)  # what was sent within this machine is there
        self.receiver = Receiver("127.0.0.1", self.socket.getsockname()[1], None)

    def take(self) -> list[etree._Element]:
        """What has come, each message checked by the schema."""
        found = []
        while True:
            try:
                line = self.socket.recv(65535)
            except BlockingIOError:
                return found
            header, _, xml = line.partition(b"\xef\xbb\xbf")
            assert header.split(b" ")[5:7] == [MSGID.encode(), b"-"], header
            found.append(valid(xml))


def valid(xml: bytes) -> etree._Element:
    root = etree.fromstring(xml)
    SCHEMA.assertValid(root)
    return root


def name_of(message: etree._Element) -> str:
    return message.find("EventIdentification/EventID").get("originalText")


def users(message: etree._Element) -> list[tuple[str, str]]:
    return [(one.get("UserID"), one.get("UserIsRequestor")) for one in message.findall("ActiveParticipant")]


def patients(message: etree._Element) -> list[str]:
    return [
        one.get("ParticipantObjectID")
        for one in message.findall("ParticipantObjectIdentification")
        if one.get("ParticipantObjectTypeCode") == "1"
    ]


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]
