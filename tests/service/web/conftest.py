"""A hospital's service with people and studies, its pages on a real port, and browsers that are signed in."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from sqlalchemy import select

from rules.anatomy import Region
from rules.case_images import undiseased
from rules.codec import from_plain
from rules.decide import decide
from rules.facts import Case
from rules.findings import Evidence, Quantity
from rules.messages import ReportFile, ReportKind, StudyReady, StudyTriaged
from rules.policy import load
from service import accounts
from service.accounts import Role, change_password, create
from service.assembly import settle
from service.cohort import add
from service.cohort_file import entry_of
from service.courier import take
from service.gate import policy_in_force
from service.intake import Intake
from service.reading_list import follow
from service.settings import Settings
from service.store.session import Store
from service.store.tables import Job
from service.web.app import make_app
from service.web.house import House
from tests.rules.stories import measured
from tests.service.conftest import mr_slice, received

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody
HEALTHY: dict[tuple[Quantity, Region], float] = {}
PRES = {
    (Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL): 20.0,
    (Quantity.FLAIR_VOLUME, Region.OCCIPITAL): 9.0,
}
DEEP = {(Quantity.FLAIR_VOLUME, Region.THALAMUS): 6.0, (Quantity.FLAIR_VOLUME, Region.PONS): 4.0}


@dataclass(slots=True)
class Hospital:
    """Studies that walk in and are decided, without workers."""

    store: Store
    settings: Settings
    intake: Intake
    port: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def flag(self, patient_id: str, **values: str) -> None:
        given = {"patient_id": patient_id, "infusion_date": "2026-04-26", **values}
        entry = entry_of(given, source="test", now=self.now, is_observation=True)
        with self.store.session() as session:
            add(session, entry, self.settings, "tester", self.now)

    def receive(self, patient_id: str, name: str = "Okafor^Daniel", *, minutes_ago: float = 2) -> str:
        """A settled study of a patient, waiting for its result."""
        uid = f"1.2.3.{int.from_bytes(patient_id.encode(), 'big')}"
        at = self.now - timedelta(minutes=minutes_ago)
        for number in (1, 2):
            ds = mr_slice(
                number, study=uid, PatientID=patient_id, PatientName=name, AccessionNumber=patient_id
            )
            self.intake.take(received(ds), at)
        with self.store.session() as session:
            settle(session, self.settings, at + timedelta(seconds=31))
        self.follow()
        return uid

    def decide_again(
        self, uid: str, values: dict[tuple[Quantity, Region], float], slices: tuple[str, ...]
    ) -> StudyTriaged:
        """A newer snapshot's result, whose findings rest on some slices."""
        with self.store.session() as session:
            settle(session, self.settings, self.now + timedelta(seconds=31))
        return self.decide(uid, values, slices)

    def decide(
        self, uid: str, values: dict[tuple[Quantity, Region], float], slices: tuple[str, ...] = ()
    ) -> StudyTriaged:
        """The result of a brain that is undiseased but for some values, by the real rules, taken home by the courier."""
        with self.store.reading() as session:
            job = session.scalars(
                select(Job).where(Job.study_instance_uid == uid).order_by(Job.id.desc())
            ).first()
        assert job is not None
        ready = from_plain(StudyReady, job.ready)
        findings = tuple(
            replace(
                measured(
                    subject,
                    values.get((subject.quantity, subject.region), undiseased().get(subject.quantity, 0.0)),
                ),
                evidence=Evidence("flair_hyperintensity 1", "1.2", slices),
            )
            for subject in sorted(load().needed_findings())
        )
        case = Case(
            findings=findings,
            context=replace(
                ready.context, birth_date=ready.context.birth_date or date(1970, 1, 2)
            ),  # as in the images
            roles=(),
            now=ready.clock,
            study_date=date(2026, 5, 4),
            modalities=("MR",),
        )
        decision = decide(load(), case)
        answer = StudyTriaged(
            job_id=job.job_id,
            study_instance_uid=uid,
            snapshot=job.snapshot,
            decision=decision,
            findings=findings,
            series=(),
            reports=(self._capture(job.job_id),),
            stages=(),
            versions={"cartriage": "0"},
        )
        take(self.store, answer, self.settings, datetime.now(UTC))
        self.follow()
        return answer

    def study(self, patient_id: str, values: dict[tuple[Quantity, Region], float], **flags: str) -> str:
        """A flagged patient's decided study, whose findings rest on its two slices."""
        self.flag(patient_id, **flags)
        uid = self.receive(patient_id)
        self.decide(uid, values, (f"{uid}.1.1", f"{uid}.1.2"))
        return uid

    def follow(self) -> None:
        follow(self.store, policy_in_force(None), datetime.now(UTC))

    def person(self, name: str, *roles: Role) -> None:
        with self.store.session() as session:
            once = create(session, name, name.title(), list(roles), "tester", self.now)
            session.flush()
            change_password(session, name, once, PASSWORD, self.now)

    def _capture(self, job_id: str) -> ReportFile:
        uid = f"2.25.{int(job_id[:16], 16)}"
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, uid
        ds.StudyInstanceUID = ds.SeriesInstanceUID = "1.2"
        ds.Rows, ds.Columns, ds.SamplesPerPixel = 2, 3, 3
        ds.BitsAllocated = ds.BitsStored = 8
        ds.HighBit, ds.PixelRepresentation, ds.PlanarConfiguration = 7, 0, 0
        ds.PhotometricInterpretation = "RGB"
        ds.PixelData = bytes(range(18))
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = self.settings.files / "reports" / f"{uid}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(path, ds, enforce_file_format=True)
        return ReportFile(
            kind=ReportKind.SC,
            sop_class_uid=SecondaryCaptureImageStorage,
            sop_instance_uid=uid,
            series_instance_uid="1.2",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            path=f"reports/{uid}.dcm",
            sha256="0" * 64,
        )


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real hash takes 64 MiB and most of a test's time."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(accounts, "_HASHER", cheap)
    monkeypatch.setattr(accounts, "_NOBODY", cheap.hash("nobody"))


@pytest.fixture
def hospital(store: Store, settings: Settings, intake: Intake) -> Iterator[Hospital]:
    """The service with its pages on a free port."""
    house = Hospital(store, settings, intake)
    config = uvicorn.Config(
        make_app(House(store, settings)), port=0, log_config=None, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the pages did not come up"
        assert time.monotonic() < limit, "the pages did not come up in time"
        time.sleep(0.02)
    house.port = server.servers[0].sockets[0].getsockname()[1]
    yield house
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@dataclass(slots=True)
class Browser:
    """Somebody at the pages, without a browser's eyes."""

    client: httpx.Client
    form_token: str = ""

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.client.get(path, **options)  # type: ignore[arg-type]

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    def post(self, path: str, **fields: object) -> httpx.Response:
        return self.client.post(path, data={"form_token": self.form_token, **fields})

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        answer = self.client.post("/sign-in", data={"name": name, "password": password})
        if answer.status_code == 303:
            self.form_token = self.get("/account").text.split('name="form_token" value="')[1].split('"')[0]
        return answer


@pytest.fixture
def browse(hospital: Hospital) -> Iterator[Callable[..., Browser]]:
    """A browser; with roles it is signed in as somebody who has them."""
    with ExitStack() as stack:

        def make(*roles: Role) -> Browser:
            base = f"http://127.0.0.1:{hospital.port}"
            browser = Browser(stack.enter_context(httpx.Client(base_url=base, timeout=30)))
            if roles:
                name = "-".join(role.value for role in roles)
                hospital.person(name, *roles)
                assert browser.sign_in(name).status_code == 303
            return browser

        yield make
