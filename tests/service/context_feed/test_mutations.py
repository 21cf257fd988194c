"""Whatever bytes come: a message is read, or refused by name and answered; nothing else is ever raised."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hl7apy.parser import parse_message

from rules.context_map import load_context_map
from service.context_feed import fhir_resource, hl7_message
from service.context_feed.news import FeedError, news_of
from service.context_feed.taking import text_of
from tests.service.context_feed.resources import PATIENT, SUBJECT, concept, half, infusion, observation

KNOWN = load_context_map()
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HL7 = (
    b"MSH|^~\\&|LIS|HOSP|C|H|20260504||ORU^R01^ORU_R01|42|P|2.5.1\rPID|1||P1^^^HOSP^MR~9^^^Y^SS||A^B||19700102\r"
    b"OBR|1||F1|CBC^x^L|||20260504113000+0000\rOBX|1|NM|777-3^P^LN||18.7|10*3/uL|||||F|||20260504113000.1+0200\r"
    b"OBX|2|CWE|seizure^x^99CARTRIAGE||230456007^^SCT||||||F\rPR1|1||XW033H7^^I10P||20260428\rMRG|P9^^^H^MR\r"
)
GROUP = {
    "resourceType": "Group",
    "id": "g",
    "code": concept("cart_recipient"),
    "member": [{"entity": SUBJECT}],
}
FHIR = json.dumps(
    {
        "resourceType": "Bundle",
        "entry": [
            {"resource": one}
            for one in (
                infusion(),
                observation("bp", {"component": [half("8480-6", 180), half("8462-4", 90)]}),
                GROUP,
                PATIENT,
            )
        ],
    }
).encode()
WORDS = (
    b"\x00",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b"1e999",
    b"9" * 40,
    b"|",
    b"^",
    b"\\",
    b"~",
    b"\r",
    b'"',
    b"",
)


def mutated(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(content))
        content = content[:at] + chance.choice(WORDS) + content[at + chance.randint(0, 4) :]
    return content


def read_hl7(content: bytes) -> None:
    text, error = text_of(content), None
    header = hl7_message.header_of(text)
    try:
        hl7_message.patient_ids_of(text)
        news_of(hl7_message.message_of(text, KNOWN), KNOWN, NOW)
    except FeedError as refused:
        error = refused
    answer = parse_message(hl7_message.answer(header, error, NOW), find_groups=False)
    assert (answer.msa.msa_1.value == "AA") is (error is None)


def read_fhir(content: bytes) -> None:
    try:
        for piece in fhir_resource.pieces_of(content):
            news_of(fhir_resource.message_of(piece.content, KNOWN), KNOWN, NOW)
    except FeedError:
        return


@pytest.mark.parametrize(("content", "read", "count"), [(HL7, read_hl7, 12), (FHIR, read_fhir, 200)])
def test_any_bytes_are_read_or_refused_by_name(content: bytes, read: Callable[[bytes], None], count: int):
    read(content)
    for seed in range(count):
        read(mutated(content, random.Random(seed)))
