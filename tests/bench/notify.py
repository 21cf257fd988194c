"""`make bench-notify`: how long after its last image a study's result is in the PACS, stage by stage, and its provisional one after the FLAIR.

The whole service as a user starts it, an embedded Redis, one worker, Orthanc as the PACS, and a scanner that sends each series as it
ends. Each study is one of a few simulated ones under identifiers of its own, so that no cache knows it.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules.anatomy import Role
from rules.codec import from_plain
from rules.messages import ReportKind, ResultState, StudyTriaged
from service.settings import Settings
from service.store.session import open_store
from service.store.tables import AuditEvent, Delivery, Instance, Job, Report
from tests.bench.page import table, write_section
from tests.bench.scanner import ScannedStudy, another, perform
from tests.walk.house import CARTRIAGE, House, running_house, wait_for
from tests.walk.orthanc import running_orthanc

CASES = ("deep_grey_brainstem", "pres", "healthy")
"""The first is P1 by its FLAIR."""
KEPT = Path(__file__).parents[2] / "build" / "bench-studies"
"""Simulated once, here, outside of what is measured."""
TARGETS = {"confirmed_p50_s": 15.0, "confirmed_p95_s": 30.0, "provisional_p95_s": 30.0}
_LIMIT_S = 900.0
_STAGES = ("settled", "handed over", "decided", "stored")


def run(studies: int, pace_s: float, folder: Path, *, has_step: bool) -> dict[str, Any]:
    """Scan `studies` studies, one after the other, and measure each."""
    sources = [_simulated(case) for case in CASES]
    measured: list[dict[str, Any]] = []
    loads = [os.getloadavg()[0]]
    home = folder / "orthanc"
    home.mkdir()
    with running_orthanc(home) as pacs:
        destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port}
        settings = {
            "CARTRIAGE_DESTINATIONS": json.dumps([destination]),
            # Longer than the longest pause between two series: the end of the step settles the study.
            "CARTRIAGE_QUIET_TIME_S": str(max(30.0, 3 * pace_s)),
            "CARTRIAGE_RING_AGAIN_S": "600",
            "CARTRIAGE_IS_PROVISIONAL": "true",
        }
        with running_house(folder / "house", **settings) as house:
            for number in range(studies):
                case = CASES[number % len(CASES)]
                study = another(sources[number % len(CASES)], folder / f"{number:03d}", f"NOTIFY{number:03d}")
                measured.append(_measured(house, study, case, pace_s, has_step=has_step))
                shutil.rmtree(folder / f"{number:03d}")
                loads.append(os.getloadavg()[0])
                print(json.dumps(measured[-1]), flush=True)  # noqa: T201 - it takes an hour
    return _summary(measured, pace_s, loads, has_step=has_step)


def _simulated(case: str) -> Path:
    out = KEPT / case
    if not out.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        subprocess.run([CARTRIAGE, "simulate", case, "--out", str(out)], check=True, capture_output=True)
    return out


def _measured(
    house: House, study: ScannedStudy, case: str, pace_s: float, *, has_step: bool
) -> dict[str, Any]:
    house.run("cohort", "add", study.patient_id, "--infusion-date", "2026-02-14", "--icans-grade", "1")
    before = _cpu_s(house)
    begin = time.monotonic()
    perform(study, house.node["port"], pace_s, has_step=has_step)
    seconds, middle = time.monotonic() - begin, _cpu_s(house)
    store = open_store(Settings(data=house.data))
    try:

        def found() -> list[dict[str, Any]]:
            with store.reading() as session:
                results = list(_results(session, study.uid))
            return results if any(one["state"] != ResultState.PROVISIONAL for one in results) else []

        results = wait_for(found, _LIMIT_S, "the result on the whole study in the PACS")
    finally:
        store.close()
    return {
        "case": case,
        "scan_s": round(seconds, 1),
        "cpu_s": round(_cpu_s(house) - before, 1),
        "cpu_after_last_image_s": round(_cpu_s(house) - middle, 1),
        "results": results,
    }


def _cpu_s(house: House) -> float:
    """Processor time that the service has used so far."""
    spent = 0.0
    for process in house.children():
        try:
            spent += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return spent


def _results(session: Session, uid: str) -> Iterator[dict[str, Any]]:
    """Every result whose SR and SC are stored: seconds of its stages since the last image that it needs."""
    jobs = session.scalars(
        select(Job).where(Job.study_instance_uid == uid, Job.state == "done").order_by(Job.id)
    )
    for job in jobs:
        triaged: StudyTriaged = from_plain(StudyTriaged, job.triaged)
        stored = _stored(session, job.job_id)
        if stored is None or job.done_at is None:
            continue
        is_provisional = triaged.state is ResultState.PROVISIONAL
        needed = [one.series_instance_uid for one in triaged.series if one.role is Role.FLAIR]
        since = _last_image(session, uid, needed if is_provisional and needed else None)
        handed = _told(session, uid, "study_handed_over", job.job_id)
        moments = (job.created_at, handed, job.done_at, stored)
        yield {
            "state": triaged.state,
            "priority": triaged.decision.priority,
            "roles": sorted({one.role.value for one in triaged.series if one.is_used}),
            "cached": sum(stage.is_cached for stage in triaged.stages),
            "worker_s": round(sum(stage.seconds for stage in triaged.stages), 1),
            **{
                name: round((at - since).total_seconds(), 1)
                for name, at in zip(_STAGES, moments, strict=True)
                if at is not None
            },
        }


def _stored(session: Session, job_id: str) -> datetime | None:
    """When the last of SR and SC was stored in the PACS; None if one of them is not."""
    kinds = (ReportKind.SR.value, ReportKind.SC.value, ReportKind.SCM.value)
    sent = (
        select(Delivery.stored_at)
        .join(Report, Report.sop_instance_uid == Delivery.sop_instance_uid)
        .where(Delivery.job_id == job_id, Report.kind.in_(kinds))
    )
    moments = session.scalars(sent).all()
    return max(one for one in moments if one) if moments and all(moments) else None


def _last_image(session: Session, uid: str, series: Sequence[str] | None) -> datetime:
    """When the last image of a study, or of some series of it, was acknowledged."""
    newest = select(func.max(Instance.received_at)).where(
        Instance.study_instance_uid == uid, Instance.is_own.is_(False)
    )
    if series:
        newest = newest.where(Instance.series_instance_uid.in_(series))
    return session.scalars(newest).one()


def _told(session: Session, uid: str, event: str, job_id: str) -> datetime | None:
    lines = select(AuditEvent).where(AuditEvent.study_instance_uid == uid, AuditEvent.event == event)
    found = [one.at for one in session.scalars(lines) if one.detail.get("job_id") == job_id]
    return found[0] if found else None


def _summary(
    measured: list[dict[str, Any]], pace_s: float, loads: list[float], *, has_step: bool
) -> dict[str, Any]:
    whole = [one for study in measured for one in study["results"] if one["state"] != ResultState.PROVISIONAL]
    # The FLAIR's own: the second provisional result is that of the diffusion images.
    first = [
        one
        for study in measured
        for one in [next((r for r in study["results"] if r["state"] == ResultState.PROVISIONAL), None)]
        if one and Role.FLAIR.value in one["roles"]
    ]
    urgent = [one for one in first if one["priority"] == "P1"]
    confirmed, provisional = _spread(whole), _spread(first)
    return {
        "studies": len(measured),
        "cases": CASES,
        "pace_s": pace_s,
        "has_mpps": has_step,
        "confirmed": confirmed,
        "provisional": provisional,
        "provisional_p1": _spread(urgent),
        "cpu_s": round(statistics.median(one["cpu_s"] for one in measured), 1),
        "cpu_after_last_image_s": round(
            statistics.median(one["cpu_after_last_image_s"] for one in measured), 1
        ),
        "targets": TARGETS,
        "reached": {
            "confirmed_p50_s": confirmed["stored"]["p50"] <= TARGETS["confirmed_p50_s"],
            "confirmed_p95_s": confirmed["stored"]["p95"] <= TARGETS["confirmed_p95_s"],
            "provisional_p95_s": bool(urgent)
            and _spread(urgent)["stored"]["p95"] <= TARGETS["provisional_p95_s"],
        },
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load": {
            "least": round(min(loads), 1),
            "mean": round(statistics.mean(loads), 1),
            "most": round(max(loads), 1),
        },
    }


def _spread(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile (nearest rank) of each stage, in seconds since the last image that was needed."""
    spread = {}
    for stage in (*_STAGES, "worker_s"):
        values = sorted(one[stage] for one in results if stage in one)
        if values:
            rank = max(0, -(-95 * len(values) // 100) - 1)
            spread[stage] = {
                "p50": round(statistics.median(values), 1),
                "p95": values[rank],
                "n": len(values),
            }
    return spread


def _text(result: dict[str, Any]) -> str:
    rows = []
    for name, words in (("provisional", "provisional, since the last FLAIR image"), ("provisional_p1", "of them P1"),
                        ("confirmed", "whole study, since its last image")):  # fmt: skip
        spread = result[name]
        rows.append(
            (words, spread.get("stored", {}).get("n", 0),
             *(f"{spread[stage]['p50']} / {spread[stage]['p95']}" if stage in spread else "-" for stage in (*_STAGES, "worker_s")))
        )  # fmt: skip
    head = ("result", "n", *_STAGES, "worker at work")
    reached = ", ".join(
        f"{name} {'reached' if is_so else 'not reached'}" for name, is_so in result["reached"].items()
    )
    load = result["load"]
    return (
        f"{table(head, rows)}\n\nSeconds, median / 95th percentile. {result['studies']} studies, a series every {result['pace_s']:g} s, "
        f"{'with' if result['has_mpps'] else 'without'} MPPS. Processor time of the whole service, median: {result['cpu_s']} s a study, "
        f"{result['cpu_after_last_image_s']} s of it after the last image. "
        f"Cores: {result['cores']}; load of the machine, ours included: {load['least']} to {load['most']}, mean {load['mean']}. "
        f"Targets (p50 {TARGETS['confirmed_p50_s']:g} s, p95 {TARGETS['confirmed_p95_s']:g} s; provisional P1 "
        f"{TARGETS['provisional_p95_s']:g} s): {reached}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=30)
    parser.add_argument(
        "--pace", type=float, default=20.0, help="seconds from the end of a series to that of the next"
    )
    parser.add_argument(
        "--no-mpps", action="store_true", help="the scanner sends no performed procedure step"
    )
    parser.add_argument("--keep-page", action="store_true", help="leave docs/performance.md as it is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-notify-") as folder:
        result = run(arguments.studies, arguments.pace, Path(folder), has_step=not arguments.no_mpps)
    if not arguments.keep_page:
        write_section("bench-notify", _text(result))
    print(json.dumps(result, indent=2))  # noqa: T201 - the figures are what it is for


if __name__ == "__main__":
    main()
