"""HL7 v2.5.1 ORU^R01 over MLLP: the decision as a preliminary result, for the RIS or the interface engine."""

import hashlib
import socket
from collections.abc import Iterator, Sequence

from hl7apy.core import Group, Message
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from rules.notice import Notice
from rules.urgency_codes import ABNORMAL, ENCODINGS, PRIVATE_SCHEME, code_of
from service.destinations import AnyDestination, Hl7Destination
from service.parcel import Outcome, Parcel, Trouble, failed
from service.settings import Settings
from service.tls import client_context, is_handshake_refused

_VERSION = "2.5.1"
_START, _END = b"\x0b", b"\x1c\r"
"""Frame of the minimal lower layer protocol (HL7 v2 implementation guide, appendix C)."""
_ACK_AT_MOST = 64 * 1024
_ACCEPTED = ("AA", "CA")
_PRELIMINARY = "P"
"""OBR-25 and OBX-11: nobody has verified it, whichever state it is in."""
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "}


def send(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Send each notice and await its acknowledgement, one after the other on one connection."""
    assert isinstance(destination, Hl7Destination)  # noqa: S101 - the table of senders says so
    try:
        connection = _connect(destination, settings.delivery_timeout_s)
    except OSError:
        is_tls = destination.tls and is_handshake_refused(
            destination.host, destination.port, destination.tls, settings.delivery_timeout_s
        )
        trouble = Trouble.TLS if is_tls else Trouble.NO_CONNECTION
        yield from ((parcel, failed(trouble)) for parcel in parcels)
        return
    with connection:
        for parcel in parcels:
            outcome = _exchange(connection, parcel, destination)
            yield parcel, outcome
            if outcome.is_destination_trouble:
                return


def message_of(notice: Notice, destination: Hl7Destination) -> str:
    """The ORU^R01 of a notice, segments ended by carriage returns; the same notice gives the same message."""
    message = Message("ORU_R01", version=_VERSION)
    _header(message, notice, destination)
    result = message.add_group("ORU_R01_PATIENT_RESULT")
    _patient(result.add_group("ORU_R01_PATIENT"), notice)
    order = result.add_group("ORU_R01_ORDER_OBSERVATION")
    _order(order, notice)
    for number, values in enumerate(_observations(notice), start=1):
        _observation(order.add_group("ORU_R01_OBSERVATION"), number, *values)
    text: str = message.to_er7()
    return text


def control_id(notice: Notice) -> str:
    """MSH-10, at most 20 characters."""
    return hashlib.sha256(notice.uid.encode()).hexdigest()[:20]


def _header(message: Message, notice: Notice, destination: Hl7Destination) -> None:
    msh = message.msh
    msh.msh_3 = "CARTRIAGE"
    msh.msh_5 = escaped(destination.application)
    msh.msh_6 = escaped(destination.facility)
    msh.msh_7 = _moment(notice)
    msh.msh_9 = "ORU^R01^ORU_R01"
    msh.msh_10 = control_id(notice)
    msh.msh_11 = "P"
    msh.msh_18 = "UNICODE UTF-8"


def _patient(group: Group, notice: Notice) -> None:
    patient = notice.patient
    pid = group.add_segment("PID")
    pid.pid_1 = "1"
    pid.pid_3 = f"{escaped(patient.patient_id)}^^^{escaped(patient.issuer)}"
    # DICOM PN: family, given, middle, prefix, suffix; HL7 XPN has the suffix before the prefix.
    family, given, middle, prefix, suffix = (*patient.name.split("=")[0].split("^"), *[""] * 5)[:5]
    pid.pid_5 = "^".join(escaped(part) for part in (family, given, middle, suffix, prefix))
    if patient.birth_date:
        pid.pid_7 = f"{patient.birth_date:%Y%m%d}"


def _order(group: Group, notice: Notice) -> None:
    obr = group.add_segment("OBR")
    obr.obr_1 = "1"
    obr.obr_3 = escaped(notice.accession_number or notice.uid)
    obr.obr_4 = f"triage^CAR-T neurotoxicity MRI triage^{PRIVATE_SCHEME}"
    obr.obr_7 = obr.obr_22 = _moment(notice)
    obr.obr_25 = _PRELIMINARY
    if notice.priority in ENCODINGS:
        timing = group.add_group("ORU_R01_TIMING_QTY").add_segment("TQ1")
        timing.tq1_1 = "1"
        timing.tq1_9 = ENCODINGS[notice.priority].hl7_priority


def _observations(notice: Notice) -> Iterator[tuple[str, str, str, str]]:
    """Type (OBX-2), what (OBX-3), value (OBX-5), flag (OBX-8)."""
    encoding = ENCODINGS.get(notice.priority)
    flag = ABNORMAL if encoding else ""
    code, meaning = code_of(notice.priority)
    yield "CWE", f"priority^Priority^{PRIVATE_SCHEME}", f"{code}^{meaning}^{PRIVATE_SCHEME}", flag
    if encoding:
        acr = f"{encoding.acr_code}^{encoding.acr_meaning}^RADLEX"
        yield "CWE", f"actionable^Actionable finding^{PRIVATE_SCHEME}", acr, flag
    yield "ST", f"state^Result state^{PRIVATE_SCHEME}", notice.state.value, ""
    yield "ST", "110180^Study Instance UID^DCM", notice.study_instance_uid, ""
    for rule, name in notice.present:
        yield "ST", f"{rule}^{escaped(name)}^{PRIVATE_SCHEME}", "present", flag
    texts = (notice.headline, *notice.sentences, *(f"Not assessed: {one}" for one in notice.not_assessed))
    for text in (*texts, *notice.disclaimers):
        yield "TX", f"text^Triage text^{PRIVATE_SCHEME}", escaped(text), ""


def _observation(group: Group, number: int, kind: str, what: str, value: str, flag: str) -> None:
    obx = group.add_segment("OBX")
    obx.obx_1 = str(number)
    obx.obx_2 = kind
    obx.obx_3 = what
    obx.obx_5 = value
    if flag:
        obx.obx_8 = flag
    obx.obx_11 = _PRELIMINARY


def escaped(text: str) -> str:
    r"""Text without the delimiters of HL7 v2 (2.7.1).

    >>> escaped("T2 & FLAIR ^ | ~")
    'T2 \\T\\ FLAIR \\S\\ \\F\\ \\R\\'
    """
    return "".join(_ESCAPES.get(one, one) for one in text)


def _moment(notice: Notice) -> str:
    return f"{notice.decided_at:%Y%m%d%H%M%S%z}"


def _connect(destination: Hl7Destination, timeout_s: float) -> socket.socket:
    connection = socket.create_connection((destination.host, destination.port), timeout_s)
    if destination.tls:
        return client_context(destination.tls).wrap_socket(connection, server_hostname=destination.host)
    return connection


def _exchange(connection: socket.socket, parcel: Parcel, destination: Hl7Destination) -> Outcome:
    if parcel.notice is None:
        return failed(Trouble.UNSENDABLE)
    try:
        connection.sendall(_START + message_of(parcel.notice, destination).encode() + _END)
        answer = _read(connection)
    except TimeoutError:
        return failed(Trouble.NO_ANSWER)
    except OSError:
        return failed(Trouble.NO_CONNECTION)
    return _judge(answer, control_id(parcel.notice))


def _read(connection: socket.socket) -> bytes:
    """One frame. Raises OSError if the peer closes before it is whole."""
    received = b""
    while not received.endswith(_END):
        part = connection.recv(4096)
        if not part or len(received) > _ACK_AT_MOST:
            raise ConnectionError
        received += part
    return received.removeprefix(_START).removesuffix(_END)


def _judge(answer: bytes, expected: str) -> Outcome:
    """What an acknowledgement says (MSA-1, HL7 table 0008) of the message that we sent (MSA-2)."""
    try:
        msa = parse_message(answer.decode("utf-8", "replace").strip("\r\n"), find_groups=False).msa
        code, about = msa.msa_1.value, msa.msa_2.value
    except (HL7apyException, AttributeError, IndexError, ValueError):
        return Outcome(is_stored=False, words="acknowledgement not understood")
    if about != expected:
        return Outcome(is_stored=False, words="acknowledgement of another message")
    if code in _ACCEPTED:
        return Outcome(is_stored=True, words="acknowledged")
    return Outcome(is_stored=False, words="refused")
