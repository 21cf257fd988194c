"""Reads HL7 v2 messages: ADT (with merges and procedures) and ORU, and answers them (HL7 v2.5.1 2.9.2, tables 0008 and 0357)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hl7apy.core import Message as Parsed
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from rules.context_map import Coding, ContextMap
from rules.same_patient import Identifiers
from service.context_feed.news import Fault, FeedError, Infused, Message, Observed

_TAKEN = ("ADT", "ORU")
_MOST_SEGMENTS = 1000
"""More would keep the parser, and all other messages, for seconds."""
_MERGES = ("A18", "A34", "A40")
_VERSIONS = re.compile(r"2\.[2-8](\.\d)?")
_FINAL = ("F", "C", "P", "U", "")
"""OBX-11 (table 0085): final, corrected, preliminary, final without retransmission, not said."""
_WITHDRAWN = ("D", "W")
"""Deleted; posted as wrong, as for a wrong patient."""
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(\.\d{1,6})?\d*([+-]\d{4})?")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d).*")
_ESCAPES = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_ESCAPE = re.compile(r"\\([FSTRE])\\")
_ANSWERS = {
    Fault.UNREADABLE: ("AR", "100"),
    Fault.UNSUPPORTED: ("AR", "200"),
    Fault.NOT_LIVE: ("AR", "202"),
    Fault.VERSION: ("AR", "203"),
    Fault.INCOMPLETE: ("AE", "101"),
    Fault.IDENTITY: ("AE", "204"),
    Fault.VALUE: ("AE", "102"),
    Fault.REUSED: ("AE", "205"),
    Fault.FULL: ("AR", "207"),
}
"""Fault to MSA-1 (reject: send it again later or never; error: a person looks at it here) and ERR-3."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an answer needs of a message's MSH."""

    application: str = ""
    facility: str = ""
    control_id: str = ""
    kind: str = ""
    """As in `ORU^R01`."""
    version: str = "2.5.1"
    is_version_known: bool = True
    """Else the answer is in 2.5.1."""
    processing: str = "P"


def header_of(text: str) -> Header:
    """The header, as far as it can be read: an answer is owed even for what is no message."""
    first = text.split("\r", 1)[0]
    if not first.startswith("MSH") or len(first) < 9:
        return Header()
    separator = first[3]
    fields = [*first.split(separator), *[""] * 12]
    kind = fields[8].split(first[4])
    version = fields[11].split(first[4])[0]
    return Header(
        application=fields[2].split(first[4])[0][:64],
        facility=fields[3].split(first[4])[0][:64],
        control_id=fields[9][:199],
        kind="^".join(kind[:2])[:16],
        version=version if _VERSIONS.fullmatch(version) else "2.5.1",
        is_version_known=_VERSIONS.fullmatch(version) is not None,
        processing=fields[10].split(first[4])[0] or "P",
    )


def patient_ids_of(text: str) -> frozenset[str]:
    """Every identifier that may be the patient's (PID-3, MRG-1), by a quick look: the parser costs 3 ms a segment.

    Raises FeedError if it is no message, or one that is not taken.
    """
    _expect_taken(header_of(text))
    separator, component, repetition = text[3], text[4], text[5]
    found: set[str] = set()
    for segment in text.split("\r"):
        number = {"PID": 3, "MRG": 1}.get(segment[:3])
        if number is not None:
            field = _part(segment.split(separator), number)
            found |= {_plain(one.split(component)[0]) for one in field.split(repetition)}
    return frozenset(found - {""})


def message_of(text: str, known: ContextMap) -> Message:
    """What a message says. Segments end with carriage returns.

    Raises FeedError.
    """
    header = header_of(text)
    _expect_taken(header)
    event = header.kind.partition("^")[2]
    if text.count("\r") > _MOST_SEGMENTS:
        raise FeedError(Fault.UNREADABLE, f"more than {_MOST_SEGMENTS} segments")
    try:
        parsed = parse_message(text.strip("\r"), find_groups=False)
        segments = [(one.name, _fields(one.to_er7())) for one in parsed.children]
    except (HL7apyException, ValueError, IndexError, AttributeError, KeyError) as error:
        raise FeedError(Fault.UNREADABLE, type(error).__name__) from error
    patient = [fields for name, fields in segments if name == "PID"]
    if len(patient) != 1:
        raise FeedError(Fault.INCOMPLETE, f"{len(patient)} PID segments")
    merged = [fields for name, fields in segments if name == "MRG"]
    return Message(
        key=f"{header.application}|{header.facility}|{header.control_id}",
        kind=header.kind,
        patient=_patient(patient[0], known),
        observed=tuple(_observed(segments, known)),
        infused=tuple(_infused(segments, known)),
        replaced_patient_id=_identifier(merged[0][1], known)[0] if merged and event in _MERGES else "",
    )


def answer(header: Header, error: FeedError | None, now: datetime) -> str:
    """The acknowledgement (ACK) of a message, in its own version."""
    code, number = _ANSWERS[error.fault] if error else ("AA", "0")
    return _acknowledgement(header, code, number, error.detail if error else "", now)


def answer_later(header: Header, now: datetime) -> str:
    """The acknowledgement when the database does not answer: to be sent again."""
    return _acknowledgement(header, "AR", "207", "try again later", now)


def _acknowledgement(header: Header, code: str, number: str, words: str, now: datetime) -> str:
    event = header.kind.partition("^")[2]
    message = Parsed("ACK", version=header.version)
    msh = message.msh
    msh.msh_3 = "CARTRIAGE"
    msh.msh_5, msh.msh_6 = _escaped(header.application), _escaped(header.facility)
    msh.msh_7 = f"{now:%Y%m%d%H%M%S%z}"
    msh.msh_9 = f"ACK^{event}" if event else "ACK"
    msh.msh_10 = f"A{now:%Y%m%d%H%M%S%f}"[:20]
    msh.msh_11 = "P"
    lines = [message.to_er7().split("\r")[0], f"MSA|{code}|{_escaped(header.control_id)}"]
    if code != "AA":
        lines.append(f"ERR|||{number}^^HL70357|E||||{_escaped(words)}")
    return "\r".join(lines) + "\r"


def _expect_taken(header: Header) -> None:
    """A training system's patients are no patients (table 0103)."""
    if not header.control_id:
        raise FeedError(Fault.UNREADABLE, "no MSH with a control ID (MSH-10)")
    if header.kind.partition("^")[0] not in _TAKEN:
        raise FeedError(Fault.UNSUPPORTED, f"only {', '.join(_TAKEN)}")
    if header.processing != "P":
        raise FeedError(Fault.NOT_LIVE, "processing ID (MSH-11) is not P")
    if not header.is_version_known:
        raise FeedError(Fault.VERSION, "versions 2.2 to 2.8 are taken (MSH-12)")


def _patient(fields: list[str], known: ContextMap) -> Identifiers:
    patient_id, issuer = _identifier(_part(fields, 3), known)
    return Identifiers(patient_id, issuer, _date(_part(fields, 7)))


def _identifier(field: str, known: ContextMap) -> tuple[str, str]:
    """Patient ID and issuer: the first identifier of the types that the mapping names; a lone one without a type counts."""
    given = [[*(_plain(part) for part in one.split("^")), *[""] * 5] for one in field.split("~") if one]
    typed = [one for kind in known.identifier_types for one in given if one[4] == kind]
    bare = [one for one in given if not one[4]] if len(given) == 1 else []
    for one in (*typed, *bare):
        authority = one[3].split("&")[0]
        return one[0], known.issuers.get(authority, "")
    return "", ""


def _observed(segments: Sequence[tuple[str, list[str]]], known: ContextMap) -> Iterator[Observed]:
    requested = ""
    for name, fields in segments:
        if name == "OBR":
            requested = _part(fields, 7)
        if name != "OBX":
            continue
        status = _part(fields, 11)
        if status not in (*_FINAL, *_WITHDRAWN):
            continue
        values, comparator = _values(_part(fields, 2), _part(fields, 5), known)
        yield Observed(
            codings=tuple(_codings(_part(fields, 3), known)),
            values=values,
            at=_moment(_part(fields, 14) or requested, known.time_zone),
            unit=_plain(_part(fields, 6).split("^")[0]),
            comparator=comparator,
            is_withdrawn=status in _WITHDRAWN,
        )


def _values(kind: str, field: str, known: ContextMap) -> tuple[tuple[str, ...], str]:
    """How the value may be read, and what bounds it (SN.1)."""
    parts = [_plain(part) for part in field.split("~", maxsplit=1)[0].split("^")]
    if kind == "SN":
        comparator = parts[0] if len(parts) > 1 and parts[0] != "=" else ""
        return (parts[1] if len(parts) > 1 else parts[0],), comparator
    if kind in ("CE", "CWE", "CNE"):
        coded = tuple(f"{one.system} {one.code}" for one in _codings(field.split("~", maxsplit=1)[0], known))
        return (*coded, *(part for part in (parts[1] if len(parts) > 1 else "", parts[0]) if part)), ""
    found = re.fullmatch(r"([<>]=?)\s*(.+)", parts[0])
    return ((found[2],), found[1]) if found else ((parts[0],), "")


def _infused(segments: Sequence[tuple[str, list[str]]], known: ContextMap) -> Iterator[Infused]:
    for name, fields in segments:
        if name == "PR1":
            yield Infused(tuple(_codings(_part(fields, 3), known)), _date(_part(fields, 5)))


def _codings(field: str, known: ContextMap) -> Iterator[Coding]:
    """Both codes of a coded element: its own, and the alternate one."""
    parts = [*(_plain(part) for part in field.split("~", maxsplit=1)[0].split("^")), *[""] * 6]
    for code, system in ((parts[0], parts[2]), (parts[3], parts[5])):
        if code:
            yield known.coding_of(system, code)


def _fields(segment: str) -> list[str]:
    """Fields by number. MSH-1 is the separator itself."""
    parts = segment.split("|")
    return ["MSH", "|", *parts[1:]] if parts[0] == "MSH" else parts


def _part(fields: list[str], number: int) -> str:
    return fields[number] if number < len(fields) else ""


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES[found[1]], text).strip()


def _escaped(text: str) -> str:
    marks = {mark: f"\\{name}\\" for name, mark in _ESCAPES.items()}
    return "".join(marks.get(one, one) for one in text if one.isprintable())


def _date(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _moment(text: str, zone: ZoneInfo | None) -> datetime | None:
    """A time to the minute with its zone, else None: a guessed one would make a stale value look fresh."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    offset = found[8]
    if offset:
        minutes = int(offset[1:3]) * 60 + int(offset[3:])
        there: timezone | ZoneInfo = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    elif zone is not None:
        there = zone
    else:
        return None
    year, month, day, hour, minute, second = (int(found[number] or 0) for number in range(1, 7))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=there).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
