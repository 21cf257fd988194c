"""The demo's course: start everything, flag, send, wait for the result in the PACS, read it back and check it."""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom import Dataset
from sqlalchemy import select

from rules.codec import from_plain
from rules.messages import ReportKind, StudyTriaged
from service import cohort
from service.audit import trail
from service.children import Popen, ask_to_end, end, words_of
from service.cohort_file import entry_of
from service.demo.narration import Moment, Narrator
from service.demo.pacs import Pacs, find_pacs, read
from service.demo.picture import write_png
from service.demo.study import CASE, SourceStudy, read_study, send, start_simulation
from service.demo.verdict import Evidence, faults
from service.errors import ServiceError
from service.log_lines import tail
from service.settings import Settings
from service.store.session import Store, open_store
from service.store.tables import Delivery, Job, Report, Study
from service.supervisor import Supervisor

_ACTOR = "demo"
_POLL_S = 0.2
_QUIET_TIME_S = 3.0
_DAYS_AFTER_INFUSION = 15
_PACS_LIMIT_S = 30.0
_SIMULATION_LIMIT_S = 150.0
_SETTLING_LIMIT_S = 30.0
_ANALYSIS_LIMIT_S = 240.0
_DELIVERY_LIMIT_S = 60.0
_EVENTS = {
    "study_settled": "settled",
    "study_admitted": "admitted",
    "study_handed_over": "handed over",
    "study_triaged": "decided",
    "report_stored": "stored in the PACS",
}
"""Event of the trail to the stage that it ends; of several, the last."""


class DemoError(ServiceError):
    """The demo did not come to its end."""


@dataclass(slots=True)
class Demo:
    """One run. `run` leaves nothing running and no temporary files, however it ends."""

    narrator: Narrator
    folder: Path | None
    """The user's own study; None simulates one."""
    out: Path
    temporary: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="cartriage-demo-")))
    supervisor: Supervisor | None = None
    is_ending: bool = False
    """The clean-up has begun; it must not be interrupted."""

    def run(self) -> bool:
        """Run it; returns whether the PACS holds what was decided.

        Raises ServiceError if something does not work or takes too long.
        """
        with ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, self.temporary, ignore_errors=True)
            try:
                return self._walk(cleanup)
            finally:
                self.is_ending = True

    def _walk(self, cleanup: ExitStack) -> bool:
        # A folder that cannot be used is refused before anything is started.
        study = read_study(self.folder, is_simulated=False) if self.folder else None
        simulation = None if study else self._start_simulation(cleanup)
        pacs = find_pacs(self.temporary, "CARTRIAGE")
        cleanup.callback(pacs.stop)
        supervisor = self._start(pacs, cleanup)
        store = open_store(supervisor.settings)
        cleanup.callback(store.close)
        if simulation is not None:
            study = self._simulated(simulation)
        if study is None:
            raise DemoError("there is no study")
        self._flag(study, store)
        self._send(study)
        job = self._result(study, store)
        return self._check(study, job, store, self._stored(study, pacs, store))

    def log_tails(self) -> list[str]:
        """The ends of the logs, for a person; `run` keeps them below `out`."""
        kept = self.out / "logs"
        return [f"{path.name}: {line}" for path in sorted(kept.glob("*")) for line in tail(path, 3)]

    def hurry(self) -> None:
        """End at once instead of in order."""
        if self.supervisor is not None:
            self.supervisor.is_hurried = True

    def _start_simulation(self, cleanup: ExitStack) -> Popen:
        popen = start_simulation(self.temporary / "study", self.temporary / "simulation.log")
        cleanup.callback(end, popen, 0)
        cleanup.callback(ask_to_end, popen)
        return popen

    def _start(self, pacs: Pacs, cleanup: ExitStack) -> Supervisor:
        # Everything that could lead elsewhere is said here, so that no variable of the environment can.
        settings = Settings(
            data=self.temporary / "data",
            database_url="",
            redis_url="",
            host="127.0.0.1",
            port=0,
            web_port=0,
            ae_title="CARTRIAGE",
            peers=(),
            destinations=(pacs.destination,),
            quiet_time_s=_QUIET_TIME_S,
            is_provisional=False,  # its scanner sends all series at once
            ring_again_s=_ANALYSIS_LIMIT_S,
        )
        supervisor = self.supervisor = Supervisor(settings, self.narrator.line)
        if not supervisor.has_worker:
            raise DemoError("it needs the workers' extra: pip install 'cartriage[workers]'")
        cleanup.callback(supervisor.stop)
        cleanup.callback(self._keep_logs)
        with self.narrator.step(f"Starting the service and {pacs.words}"):
            pacs.start()
            supervisor.start()
            self._wait(pacs.words, pacs.is_ready, _PACS_LIMIT_S)
        return supervisor

    def _simulated(self, simulation: Popen) -> SourceStudy:
        with self.narrator.step(f"Simulating a brain MRI (case {CASE})") as notes:
            self._wait("the simulator", lambda: simulation.poll() is not None, _SIMULATION_LIMIT_S)
            if simulation.returncode:
                log = tail(self.temporary / "simulation.log", 5)
                raise DemoError("\n".join([f"the simulator: {words_of(simulation.returncode)}", *log]))
            study = read_study(self.temporary / "study", is_simulated=True)
            notes.append(f"{len(study.files)} images in {study.series} series")
        return study

    def _flag(self, study: SourceStudy, store: Store) -> None:
        now = datetime.now(UTC)
        infusion = (study.study_date or now.date()) - timedelta(days=_DAYS_AFTER_INFUSION)
        values = {
            "patient_id": study.patient_id,
            "issuer": study.issuer,
            "birth_date": study.birth_date.isoformat() if study.birth_date else "",
            "infusion_date": infusion.isoformat(),
            "product": "axi-cel",
            "icans_grade": "1",
            "ice_score": "9",
        }
        given = {name: value for name, value in values.items() if value}
        with self.narrator.step(f"Flagging the patient (day {_DAYS_AFTER_INFUSION}, ICANS grade 1, ICE 9)"):
            entry = entry_of(given, source=_ACTOR, now=now, is_observation=True)
            with store.session() as session:
                cohort.add(session, entry, self._running.settings, _ACTOR, now)

    def _send(self, study: SourceStudy) -> None:
        host, port = self._running.address
        with self.narrator.step(f"Sending {len(study.files)} images to {host}:{port} over C-STORE"):
            for number in send(study, host, port, self._running.settings.ae_title):
                self.narrator.progress(f"Sending, {number} of {len(study.files)} images acknowledged")

    def _result(self, study: SourceStudy, store: Store) -> Job:
        with self.narrator.step("Waiting until the study is settled and past the gate"):
            self._wait("the gate", lambda: self._job(study, store) is not None, _SETTLING_LIMIT_S)
        with self.narrator.step("Analysing and deciding"):
            self._wait("the result", lambda: self._is_done(study, store), _ANALYSIS_LIMIT_S)
        job = self._job(study, store)
        if job is None:
            raise DemoError("its job is gone")
        return job

    def _job(self, study: SourceStudy, store: Store) -> Job | None:
        with store.reading() as session:
            found = select(Job).where(Job.study_instance_uid == study.study_instance_uid)
            return session.scalars(found.order_by(Job.id.desc())).first()

    def _is_done(self, study: SourceStudy, store: Store) -> bool:
        job = self._job(study, store)
        if job is not None and job.state in ("declined", "failed"):
            with store.reading() as session:
                last = trail(session, study.study_instance_uid)[-1]
            raise DemoError(f"the job is {job.state}: {last.detail.get('reason', last.event)}")
        return job is not None and job.state == "done"

    def _stored(self, study: SourceStudy, pacs: Pacs, store: Store) -> list[Dataset]:
        def is_stored() -> bool:
            with store.reading() as session:
                states = session.scalars(select(Delivery.state)).all()
            return bool(states) and set(states) == {"proven"}

        with self.narrator.step(f"Waiting for the result in {pacs.words}"):
            self._wait("the delivery", is_stored, _DELIVERY_LIMIT_S)
            return [read(content) for content in pacs.objects(study.study_instance_uid)]

    def _check(self, study: SourceStudy, job: Job, store: Store, objects: Sequence[Dataset]) -> bool:
        triaged: StudyTriaged = from_plain(StudyTriaged, job.triaged)
        with store.reading() as session:
            sent = select(Report).join(Delivery, Delivery.sop_instance_uid == Report.sop_instance_uid)
            reports = session.scalars(sent).all()
            row = session.get_one(Study, study.study_instance_uid)
            moments = [Moment("received", row.last_received_at, f"{len(study.files)} images")]
            events = {one.event: one.at for one in trail(session, study.study_instance_uid)}
        moments += [Moment(words, events[event]) for event, words in _EVENTS.items() if event in events]
        evidence = Evidence(study, triaged, reports, objects)
        wrong = faults(evidence)
        self.narrator.times(row.received_at, moments, triaged.stages)
        self.narrator.decision(triaged.decision)
        self.narrator.places(self._keep(evidence))
        self.narrator.verdict(wrong)
        return not wrong

    def _keep(self, evidence: Evidence) -> list[tuple[str, Path]]:
        """Write what came back from the PACS to `out`, the secondary capture also as a picture."""
        places = []
        self.out.mkdir(parents=True, exist_ok=True)
        for kind, words in ((ReportKind.SR, "Structured report"), (ReportKind.SC, "Secondary capture")):
            ds = evidence.of_kind(kind)
            if ds is None:
                continue
            path = self.out / f"{kind.value}.dcm"
            ds.save_as(path)
            places.append((words, path))
            if kind is ReportKind.SC and (picture := write_png(ds, self.out / f"{kind.value}.png")):
                places.append(("  as a picture", picture))
        return places

    def _wait(self, what: str, is_there: Callable[[], bool], limit_s: float) -> None:
        limit = time.monotonic() + limit_s
        while not is_there():
            if time.monotonic() > limit:
                raise DemoError(f"{what} took longer than {limit_s:g} s")
            self._running.tend()
            time.sleep(_POLL_S)

    @property
    def _running(self) -> Supervisor:
        if self.supervisor is None:
            raise DemoError("the service does not run")
        return self.supervisor

    def _keep_logs(self) -> None:
        """Copy the logs out of the temporary folder, for when something went wrong."""
        logs = self.temporary / "data" / "logs"
        if logs.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            shutil.copytree(logs, self.out / "logs", dirs_exist_ok=True)
