"""make bench-proof: from the decision to the proof that its objects are in a real Orthanc, p50 and p95, as JSON.

Each result is taken in as the courier does, with a real SR, secondary capture and key object selection; node and delivery run as
processes of their own, as in service. Once proven by C-FIND, once by Storage Commitment.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from rules.urgency import Priority
from service.courier import take
from service.settings import Destination, Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import Delivery
from tests.bench.page import table, write_section
from tests.service.sending import owe_job, result
from tests.walk.orthanc import Orthanc, free_port, running_orthanc
from tests.workers.reports import studies
from workers.reports.writing import write_reports

_LIMIT_S = 120.0
_PAUSE_S = 1.0
"""Between two results: no burst, as a hospital sends."""


def measured(folder: Path, proof: str, results: int) -> dict[str, object]:
    """Seconds from a decision to the proof of each object, and of the last object of each result."""
    port = free_port()
    folder.mkdir()
    modalities = {"cartriage": ["CARTRIAGE", "127.0.0.1", port]}
    with running_orthanc(folder, DicomModalities=modalities) as pacs:
        settings = _settings(folder, pacs, proof, port)
        store = open_store(settings)
        upgrade(store)
        with ExitStack() as stack:
            for name in ("node", "delivery"):
                stack.enter_context(_running(name, settings))
            for number in range(results):
                _decide(store, settings, number)
                time.sleep(_PAUSE_S)
            _wait_until_proven(store)
        figures = _figures(store, proof)
        store.close()
    return figures


def _settings(folder: Path, pacs: Orthanc, proof: str, port: int) -> Settings:
    destination = Destination.model_validate(
        {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port, "proof": proof}
    )
    return Settings(data=folder / "data", destinations=(destination,), port=port, disk_watermark_mb=0)


@contextmanager
def _running(name: str, settings: Settings) -> Iterator[None]:
    destinations = json.dumps([one.model_dump(mode="json") for one in settings.destinations])
    environment = os.environ | {
        "CARTRIAGE_DATA": str(settings.data),
        "CARTRIAGE_PORT": str(settings.port),
        "CARTRIAGE_DISK_WATERMARK_MB": "0",
        "CARTRIAGE_DESTINATIONS": destinations,
    }
    command = [sys.executable, "-m", "service.cli", "run", name]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _decide(store: Store, settings: Settings, number: int) -> None:
    job = owe_job(store, f"{number:064x}", study=studies.STUDY)
    content = replace(studies.sliced_content(), job_id=job)
    reports = write_reports(content, settings.files / "reports" / job, settings.files)
    triaged = result(job, reports, study=studies.STUDY, priority=list(Priority)[number % 4])
    take(store, triaged, settings, datetime.now(UTC))


def _wait_until_proven(store: Store) -> None:
    limit = time.monotonic() + _LIMIT_S
    open_ones = select(func.count()).where(Delivery.state != "proven")
    while time.monotonic() < limit:
        with store.reading() as session:
            if not session.scalar(open_ones):
                return
        time.sleep(0.2)
    raise TimeoutError("not everything was proven")


def _figures(store: Store, proof: str) -> dict[str, object]:
    with store.reading() as session:
        rows = session.scalars(select(Delivery)).all()
    waits = {row.id: (row.proven_at - row.created_at).total_seconds() for row in rows if row.proven_at}
    last: dict[str, float] = {}
    for row in rows:
        last[str(row.job_id)] = max(last.get(str(row.job_id), 0.0), waits[row.id])
    return {
        "proof": proof,
        "results": len(last),
        "objects": len(rows),
        "proven": len(waits),
        "object_p50_s": _share(waits.values(), 0.5),
        "object_p95_s": _share(waits.values(), 0.95),
        "result_p50_s": _share(last.values(), 0.5),
        "result_p95_s": _share(last.values(), 0.95),
    }


def _share(values: object, share: float) -> float:
    ordered = sorted(values)  # type: ignore[call-overload]
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="rewrite the section of docs/performance.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = [measured(Path(place) / proof, proof, given.results) for proof in ("read_back", "commitment")]
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"load": load, "found": found}))  # noqa: T201 - its result
    if given.write:
        head = tuple(found[0])
        text = table(head, [tuple(one.values()) for one in found])
        write_section("proof", f"{text}\n\nOn {os.cpu_count()} cores at a load of {load} when it ended.")


if __name__ == "__main__":
    main()
