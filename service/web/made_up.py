"""Very many studies that never were, for measuring: their rows of the list, results, answers, deliveries and scanners."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from rules.urgency import Priority
from service.scanners import WATCHED
from service.store.desk_tables import Acknowledgement, Assessment, WorklistEntry, WorklistState
from service.store.scanner_tables import ScannerResult
from service.store.session import Store
from service.store.tables import Base, Delivery, Job, Study

_AT_ONCE = 5000
_SYLLABLES = ("ba", "de", "fi", "go", "ha", "jo", "ka", "li", "mo", "na", "pe", "ro", "sa", "ti", "vu")
_REGIONS = ("left frontal", "right frontal", "left thalamus", "right thalamus", "pons", "left hippocampus")
_DESTINATIONS = ("PACS", "RIS")


def fill(store: Store, studies: int, now: datetime) -> None:
    """Make up studies, one a minute: a third unread, one in fifty a P1, one in ten not flagged; each with a result."""
    chance = random.Random(1)
    for start in range(0, studies, _AT_ONCE):
        listed = [_row(number, now, chance) for number in range(start, min(start + _AT_ONCE, studies))]
        with store.session() as session:
            for table, rows in _tables(listed, chance):
                if rows:
                    session.execute(insert(table), rows)
    with store.session() as session:
        session.add(WorklistState(id=1, sequence=0, version=1, at=now + timedelta(days=1)))
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _tables(
    listed: list[dict[str, Any]], chance: random.Random
) -> Iterator[tuple[type[Base], list[dict[str, Any]]]]:
    read = [row for row in listed if row["is_read"]]
    yield Study, [_study(row) for row in listed]
    yield Job, [_job(row) for row in listed]
    yield WorklistEntry, listed
    yield Delivery, [_delivery(row, place) for row in listed for place in _DESTINATIONS]
    yield ScannerResult, [_scanner(row, chance) for row in listed]
    yield Acknowledgement, [_answer(row) | _acknowledged(row) for row in read]
    yield Assessment, [_answer(row) | _assessed(row) for row in read]


def _row(number: int, now: datetime, chance: random.Random) -> dict[str, Any]:
    priority = chance.choices(list(Priority), [2, 10, 28, 60])[0]
    received = now - timedelta(minutes=number)
    is_read = number >= 1000 and chance.random() < 0.67
    row = {
        "study_instance_uid": f"1.2.826.0.1.3680043.8.498.{number}",
        "is_flagged": chance.random() < 0.9,
        "is_read": is_read,
        "place": {"P1": 0, "P2": 2, "P3": 6, "P4": 8}[priority],
        "order_at": received + timedelta(hours=1),
        "target_at": received + timedelta(hours=1),
        "ages_at": None,
        "patient_id": f"MRN{number:06}",
        "patient_name": f"{''.join(chance.choices(_SYLLABLES, k=3)).title()}^Ines",
        "birth_date": None,
        "accession_number": f"A{number:06}",
        "study_date": received.date(),
        "status": "decided" if chance.random() < 0.9 else "not assessed",
        "is_provisional": False,
        "decided": priority.value,
        "shown": priority.value,
        "why_raised": "",
        "could_be": None,
        "headline": f"{priority.value} {priority.words}: suspected PRES-type distribution",
        "not_assessed": _unassessed(chance),
        "day": number % 30,
        "icans_grade": number % 5,
        "job_id": f"{number:064}",
        "deliveries": 2,
        "deliveries_stored": 2,
        "received_at": received,
        "decided_at": received + timedelta(seconds=chance.randint(20, 90)),
        "acknowledged_at": received + timedelta(minutes=5) if is_read else None,
        "acknowledged_by": "meyer" if is_read else "",
        "escalated": 0,
        "verdict": "agree" if is_read else "",
    }
    return row | {"search_name": str(row["patient_name"]).upper()}


def _unassessed(chance: random.Random) -> list[str]:
    """Some of 64 sets: what cannot be assessed varies with the regions."""
    places = [region for region in _REGIONS if chance.random() < 0.5]
    return [
        "comparison with an earlier study: no earlier study",
        *(f"FLAIR hyperintensity of {region}: not covered by the slices" for region in places),
    ]


def _study(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("study_instance_uid", "patient_id", "patient_name", "accession_number", "received_at")
    return {name: row[name] for name in kept} | {
        "issuer": "",
        "description": "",
        "order_priority": "",
        "last_received_at": row["received_at"],
        "settled_snapshot": 1,
        "settled_digest": "",
        "is_open": False,
        "has_identity_conflict": False,
    }


def _job(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "job_id": row["job_id"],
        "study_instance_uid": row["study_instance_uid"],
        "snapshot": 1,
        "state": "done",
        "decline_code": "",
        "ready": {},
        "triaged": {},
        "priority": row["decided"],
        "rings": 1,
        "created_at": row["received_at"],
        "done_at": row["decided_at"],
    }


def _delivery(row: dict[str, Any], destination: str) -> dict[str, Any]:
    stored_at = row["decided_at"] + timedelta(seconds=1)
    return {
        "study_instance_uid": row["study_instance_uid"],
        "job_id": row["job_id"],
        "cargo": "result",
        "sop_instance_uid": f"{row['study_instance_uid']}.1",
        "destination": destination,
        "priority": row["decided"],
        "state": "proven",
        "tries": 1,
        "try_at": stored_at,
        "created_at": row["decided_at"],
        "stored_at": stored_at,
        "proven_at": stored_at,
        "proof": "response",
    }


def _scanner(row: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return {
        "job_id": row["job_id"],
        "study_instance_uid": row["study_instance_uid"],
        "manufacturer": "Made up",
        "model": f"Model {chance.randint(1, 5)}",
        "station": "",
        "measured": {one.key: chance.gauss(100, 5) for one in WATCHED},
        "reasons": ["comparison with an earlier study: no earlier study"],
        "is_assessed": row["status"] == "decided",
        "done_at": row["decided_at"],
    }


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("study_instance_uid", "job_id")}
    return kept | {"user_name": row["acknowledged_by"], "at": row["acknowledged_at"]}


def _acknowledged(row: dict[str, Any]) -> dict[str, Any]:
    seconds = (row["acknowledged_at"] - row["decided_at"]).total_seconds()
    return {"priority": row["decided"], "seconds": seconds, "target_seconds": 3600.0}


def _assessed(row: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": row["verdict"], "text": "", "is_positive": row["decided"] in ("P1", "P2")}
