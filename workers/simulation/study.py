"""One simulated study on disk: DICOM in a folder, the truth in a folder beside it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from rules.anatomy import Role
from rules.identity import derived_uid
from workers.simulation.case import Case
from workers.simulation.conditions import USUAL, Conditions, adapted
from workers.simulation.files import StackEncoder
from workers.simulation.headers import SimulatedPatient, StudyHeader, series_datasets, series_uid
from workers.simulation.protocol import SeriesPlan
from workers.simulation.series import Session, plan_session, series_slices
from workers.simulation.subject import FIRST, Visit, build_subject
from workers.simulation.truth import Truth, find_truth
from workers.simulation.truth_file import write_truth
from workers.simulation.vendors import SCANNERS, Vendor

DEFAULT_STUDY_DATE = date(2026, 3, 1)
DEFAULT_PATIENT = SimulatedPatient()


@dataclass(frozen=True, slots=True)
class SimulatedSeries:
    """One series as written."""

    number: int
    role: Role
    description: str
    series_instance_uid: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedStudy:
    """What was written, and what is true."""

    study_instance_uid: str
    folder: Path
    truth_file: Path
    series: tuple[SimulatedSeries, ...]
    truth: Truth

    @property
    def files(self) -> tuple[Path, ...]:
        """All DICOM files in the order of acquisition."""
        return tuple(path for series in self.series for path in series.files)


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What a study can be asked to be, besides its case and seed."""

    vendor: Vendor = Vendor.SIEMENS
    patient: SimulatedPatient = DEFAULT_PATIENT
    study_date: date = DEFAULT_STUDY_DATE
    roles: frozenset[Role] | None = None
    """Only these series; None is the whole protocol."""
    conditions: Conditions = USUAL
    visit: Visit = FIRST
    """A follow-up is the same seed with another visit and date; age and case are then the caller's to choose."""


def simulate_study(
    case: Case,
    *,
    seed: int,
    out: Path,
    options: StudyOptions | None = None,
    on_series: Callable[[SimulatedSeries], None] | None = None,
) -> SimulatedStudy:
    """Write a study under `out`, DICOM as <series>/NNNN.dcm, and its truth under `<out>-truth`.

    The same case, seed and options give the same files. `on_series` is told of each series when it is written.
    """
    with threadpool_limits(1, user_api="blas"):  # many small products: threads would only wait for each other
        return _simulate(case, seed, out, options or StudyOptions(), on_series)


def _simulate(
    case: Case,
    seed: int,
    out: Path,
    options: StudyOptions,
    on_series: Callable[[SimulatedSeries], None] | None,
) -> SimulatedStudy:
    scanner = adapted(
        SCANNERS[options.vendor], options.conditions, contrast_before_flair=case.contrast_before_flair
    )
    subject = build_subject(case, np.random.default_rng([seed, 1]), options.visit)
    session = plan_session(case, subject, scanner, seed, options.conditions, options.visit.number)
    header = _header(session, options)
    written = []
    for plan in scanner.series:
        if _is_wanted(plan, case, options):
            written.append(_write_series(session, header, plan, out))
            if on_series:
                on_series(written[-1])
    truth = find_truth(session, {plan.number: series_uid(header, plan) for plan in scanner.series})
    truth_file = write_truth(truth, session, options.vendor.value, _beside(out))
    return SimulatedStudy(header.study_instance_uid, out, truth_file, tuple(written), truth)


def _beside(out: Path) -> Path:
    """The folder of the truth: a sibling, so that a study folder handed to the analysis holds none of it."""
    whole = out.resolve()
    return whole.with_name(f"{whole.name}-truth")


def _is_wanted(plan: SeriesPlan, case: Case, options: StudyOptions) -> bool:
    return plan.role not in case.without and (options.roles is None or plan.role in options.roles)


def _header(session: Session, options: StudyOptions) -> StudyHeader:
    """Identity by derivation; the case enters only as a digest, so that no UID tells it."""
    parts = {
        "case": session.case.name,
        "seed": str(session.seed),
        "vendor": options.vendor.value,
        "patient": options.patient.patient_id,
        "issuer": options.patient.issuer,
        "date": options.study_date.isoformat(),
    }
    if options.visit != FIRST or not options.conditions.is_usual:
        parts["scan"] = f"{options.visit};{options.conditions.words()}"
    study_uid = derived_uid(parts)
    number = int(hashlib.sha256(study_uid.encode()).hexdigest()[:8], 16)
    return StudyHeader(
        study_instance_uid=study_uid,
        frame_of_reference_uid=derived_uid({**parts, "frame": "1"}),
        accession_number=f"A{number % 10_000_000:07d}",
        study_date=options.study_date,
        start_minute=8 * 60 + number % 480,
        age=session.subject.age,
        patient=options.patient,
        scanner=session.scanner,
    )


def _write_series(session: Session, header: StudyHeader, plan: SeriesPlan, out: Path) -> SimulatedSeries:
    folder = out / f"{plan.number:03d}_{''.join(c if c.isalnum() else '_' for c in plan.description)}"
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    encoder = None
    for ds in series_datasets(header, plan, series_slices(session, plan)):
        if encoder is None or encoder.ds is not ds:
            encoder = StackEncoder(ds)
        files.append(folder / f"{ds.InstanceNumber:04d}.dcm")
        files[-1].write_bytes(encoder.encode())
    return SimulatedSeries(plan.number, plan.role, plan.description, series_uid(header, plan), tuple(files))
