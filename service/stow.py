"""Our side of DICOMweb: STOW-RS (PS3.18 10.5), and the QIDO-RS question by which an object is proven stored (10.6)."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import urllib3

from service.destinations import AnyDestination, StowDestination
from service.http import Answered, Unanswered, request
from service.parcel import Outcome, Parcel, Trouble, failed
from service.settings import Settings
from service.statuses import http_meaning_of, meaning_of
from service.store.tables import Delivery

_JSON = "application/dicom+json"
_FAILED = "00081198"
_STORED = "00081199"
_FAILURE_REASON = "00081197"
_WARNING_REASON = "00081196"
_SOP_INSTANCE = "00081155"


def send(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Store each parcel by a request of its own: one that is refused says nothing of the others."""
    assert isinstance(destination, StowDestination)  # noqa: S101 - the table of senders says so
    for parcel in parcels:
        outcome = _store(parcel, destination, settings)
        yield parcel, outcome
        if outcome.is_destination_trouble:
            return


def is_there(row: Delivery, destination: StowDestination, settings: Settings) -> bool | None:
    """Whether QIDO-RS shows the object; None if it gave no answer."""
    path = f"/studies/{row.study_instance_uid}/series/{row.series_instance_uid}/instances"
    url = f"{destination.url.rstrip('/')}{path}?SOPInstanceUID={row.sop_instance_uid}"
    answer = request("GET", url, destination, settings, headers={"Accept": _JSON})
    if isinstance(answer, Unanswered) or answer.status not in (200, 204, 404):
        return None
    if answer.status != 200:
        return False
    found = _parsed(answer.body)
    if not isinstance(found, list):
        return None
    return any(_value(one, "00080018") == row.sop_instance_uid for one in found)


def _store(parcel: Parcel, destination: StowDestination, settings: Settings) -> Outcome:
    try:
        body, content_type = _multipart(parcel)
    except OSError:
        return failed(Trouble.FILE)
    url = f"{destination.url.rstrip('/')}/studies/{parcel.study_instance_uid}"
    headers = {"Content-Type": content_type, "Accept": _JSON}
    answer = request("POST", url, destination, settings, headers=headers, body=body)
    if isinstance(answer, Unanswered):
        return failed(answer.trouble)
    return _outcome(answer, parcel.sop_instance_uid)


def _multipart(parcel: Parcel) -> tuple[bytes, str]:
    """The file as it is, as one part of multipart/related (PS3.18 8.6.1.2)."""
    data = parcel.file.read_bytes() if parcel.file else b""
    boundary = urllib3.filepost.choose_boundary()
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return (
        head + data + f"\r\n--{boundary}--\r\n".encode(),
        f'multipart/related; type="application/dicom"; boundary={boundary}',
    )


def _outcome(answer: Answered, sop_instance_uid: str) -> Outcome:
    """What the Store Instances Response says of the object (PS3.18 10.5.3); without one, what the status says."""
    reported = _parsed(answer.body)
    if isinstance(reported, dict):
        for item in _items(reported, _FAILED):
            if _value(item, _SOP_INSTANCE) in (sop_instance_uid, None):
                return _by_status(answer, int(_value(item, _FAILURE_REASON) or 0))
        for item in _items(reported, _STORED):
            if _value(item, _SOP_INSTANCE) == sop_instance_uid:
                warning = int(_value(item, _WARNING_REASON) or 0)
                words = meaning_of(warning).words
                return Outcome(is_stored=True, words=words, status=answer.status, is_warning=warning != 0)
    return _by_status(answer, None)


def _by_status(answer: Answered, reason: int | None) -> Outcome:
    if reason is not None:
        return Outcome(is_stored=False, words=meaning_of(reason).words, status=reason)
    meaning = http_meaning_of(answer.status)
    # 202 without a report may be either: what is not surely stored is sent again.
    return Outcome(is_stored=meaning.is_stored, words=meaning.words, status=answer.status)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _items(found: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    value = found.get(tag)
    items = value.get("Value") if isinstance(value, dict) else None
    return [one for one in items or () if isinstance(one, dict)]


def _value(item: Any, tag: str) -> Any:
    element = item.get(tag) if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if values else None
