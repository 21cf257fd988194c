"""The messages in which service and workers meet, and the task names they are sent under."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from rules.anatomy import Confidence, Role
from rules.context import PatientContext
from rules.decision import Decision
from rules.findings import Finding, Lesion
from rules.urgency import Priority

TRIAGE_STUDY = "cartriage.triage_study"
"""Celery task of the workers; takes one StudyReady as JSON."""
WARM_SERIES = "cartriage.warm_series"
"""Celery task of the workers; takes one SeriesReady as JSON."""
STUDY_TRIAGED = "cartriage.study_triaged"
"""Celery task of the courier; takes one StudyTriaged as JSON."""
SERIES_RECOGNISED = "cartriage.series_recognised"
"""Celery task of the courier; takes one SeriesRecognised as JSON."""
WORKER_QUEUE = "cartriage.workers"
WARM_QUEUE = "cartriage.workers.warm"
"""Read only while `WORKER_QUEUE` is empty: workers take their queues in the order of these names."""
COURIER_QUEUE = "cartriage.courier"


class Basis(StrEnum):
    """The evidence that a study is whole, weakest first."""

    ARRIVING = "arriving"
    """It is not: some of its series came, others may follow (a provisional result)."""
    FOLDER = "folder"
    """Somebody handed over a folder (the offline door)."""
    QUIET_TIME = "quiet_time"
    """Nothing arrived for a while; no guarantee."""
    REQUIRED_SERIES = "required_series"
    """Every series that the site's protocol has is here, each by itself whole; a repeat may still come."""
    ARCHIVE_COUNT = "archive_count"
    """An archive counts the same objects in each series."""
    AVAILABILITY = "availability"
    """All objects of an Instance Availability Notification are here."""
    MPPS = "mpps"
    """The scanner finished (Modality Performed Procedure Step), and all its objects are here."""


class ResultState(StrEnum):
    """What a result is worth against the others of its study."""

    PROVISIONAL = "provisional"
    """From the first series that suffice; the study is still arriving."""
    CONFIRMED = "confirmed"
    """The first result on the whole study."""
    CORRECTED = "corrected"
    """Supersedes a confirmed one: late images, or a changed context."""


class ReportKind(StrEnum):
    SR = "SR"
    SC = "SC"
    """One page."""
    SCM = "SCM"
    """The page and the key slices, multi-frame; instead of SC where a destination takes it."""
    SEG = "SEG"
    KOS = "KOS"


@dataclass(frozen=True, slots=True)
class InstanceFile:
    """One received DICOM file."""

    sop_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    path: str
    """Relative to the file store's root (the offline door: to the folder)."""
    sha256: str
    """Of the file's bytes, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How we know that the study is whole."""

    basis: Basis
    instances: int
    detail: str = ""
    is_degraded: bool = False
    """Whether something is known to be missing: the study went on all the same."""
    missing: tuple[str, ...] = ()
    """What, one clause each."""


@dataclass(frozen=True, slots=True)
class EarlierStudy:
    """A study of the same patient to compare with: the last one before the infusion, or else the last one."""

    study_instance_uid: str
    instances: tuple[InstanceFile, ...]
    """Sorted by SOP Instance UID, then digest."""
    study_date: date | None = None
    is_baseline: bool | None = None
    """Whether it is from before the infusion; None is not known."""


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """What was found in the patient's most recent study with a result before this one."""

    study_instance_uid: str
    study_date: date
    findings: tuple[Finding, ...]
    """Those of it that are compared (rules.last_result.COMPARED)."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A DICOM object written by the workers, in the outbox of the file store."""

    kind: ReportKind
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    path: str
    """Relative to the file store's root."""
    sha256: str


@dataclass(frozen=True, slots=True)
class SeriesReady:
    """Service to workers: series of a study settled, others may still arrive. Warm the cache with what is there.

    Nobody waits for it: it may be lost, repeated, or come after the study's result, and changes nothing but the time that the result takes.
    """

    study_instance_uid: str
    series: tuple[str, ...]
    """Series Instance UIDs of those that settled since the last message."""
    instances: tuple[InstanceFile, ...]
    """Of all settled series of the study, sorted by SOP Instance UID, then digest."""
    policy_digest: str
    until: datetime
    """Aware; later it is not worth the work."""
    earlier: EarlierStudy | None = None
    """The study that this one will be compared with, as far as it is known."""


@dataclass(frozen=True, slots=True)
class SeriesRecognised:
    """Workers to service: what the series of a study are that still arrives."""

    study_instance_uid: str
    roles: dict[str, Role]
    """Series Instance UID to its role by header evidence."""


@dataclass(frozen=True, slots=True)
class StudyReady:
    """Service to workers: analyse this snapshot. Sending it twice changes nothing."""

    job_id: str
    """Digest of study, inputs, context and policy: the identity of the result (see rules.identity)."""
    study_instance_uid: str
    snapshot: int
    instances: tuple[InstanceFile, ...]
    """Sorted by SOP Instance UID, then digest."""
    completeness: Completeness
    context: PatientContext
    policy_digest: str
    requested_at: datetime
    """Aware; when the snapshot was settled: the content time of the reports."""
    context_clock: datetime | None = None
    """Aware; ages of context values are counted up to here. None is `requested_at`; an old study has its own time."""
    predecessor_job_id: str = ""
    """The job whose result this one supersedes, if any."""
    predecessor: ReportFile | None = None
    """The structured report of the latest earlier result, which the new one names as its predecessor."""
    state: ResultState = ResultState.CONFIRMED
    supersedes: ResultState | None = None
    """What the latest earlier result of the study was worth, if there is one."""
    earlier_priority: Priority | None = None
    """The most urgent priority of the study's earlier results: a later result never lowers it."""
    earlier: EarlierStudy | None = None
    not_compared: str = ""
    """Why there is no earlier study, one clause; empty if nobody looked for one."""
    last_result: EarlierResult | None = None
    identity_mismatch: str = ""
    """Why no context was fused: the identifiers that contradict each other, one clause."""
    is_analysis_allowed: bool = True
    """False after repeated crashes: decide and report with everything not assessed, so that a person sees it."""

    @property
    def clock(self) -> datetime:
        """The moment that the decision is made for."""
        return self.context_clock or self.requested_at


@dataclass(frozen=True, slots=True)
class SeriesQuality:
    """What a series is worth for measuring; None is not measured."""

    signal_to_noise: float | None = None
    """Mean signal of white matter over the noise of the air."""
    ghosting: float | None = None
    """Share of the brain's signal that ghosts of motion put into the air beside the head, 0 to 1; 0 is none."""
    dark_tissue: float | None = None
    """Of echo-planar images: share of the places of tissue, near the brain's surface, that are dark; distortion bends tissue away
    and air takes its signal."""
    sharpness: float | None = None
    """Edge width in mm; motion and blur make it larger."""
    brain_covered: float | None = None
    """Share of the brain within the slices, 0 to 1."""
    slice_spacing_mm: float | None = None
    alignment: float | None = None
    """Mutual information with the series that the anatomy was found in, in nats."""
    problems: tuple[str, ...] = ()
    """One clause each, worst first, as in `motion ghosts`; empty if nothing is wrong."""
    is_usable: bool = True
    """False if the series is too bad to be measured."""


@dataclass(frozen=True, slots=True)
class SeriesUse:
    """What became of one series."""

    series_instance_uid: str
    role: Role
    is_used: bool
    reason: str
    """Header evidence for the role, or why the series was not used."""
    instances: int
    quality: SeriesQuality | None = None
    confidence: Confidence = Confidence.NONE
    """How sure the role is."""


@dataclass(frozen=True, slots=True)
class StageTime:
    stage: str
    seconds: float
    is_cached: bool = False


@dataclass(frozen=True, slots=True)
class StudyTriaged:
    """Workers to service: the result of one job."""

    job_id: str
    study_instance_uid: str
    snapshot: int
    decision: Decision
    findings: tuple[Finding, ...]
    series: tuple[SeriesUse, ...]
    reports: tuple[ReportFile, ...]
    stages: tuple[StageTime, ...]
    versions: dict[str, str]
    """Software names to versions, `cartriage` first."""
    lesions: tuple[Lesion, ...] = ()
    """Largest first."""
    unreadable: tuple[str, ...] = ()
    """One clause for each file that could not be read, with its number of files, as in `2 files: truncated`."""
    failure: str = ""
    """Name of the error if the analysis failed and the result is `not assessed`."""
    state: ResultState = ResultState.CONFIRMED
