"""The offline door: a folder in, a decision and its reports out; the pipeline is the service's own."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image
from pydicom import Dataset, dcmread

from rules.codec import to_plain
from rules.context import PatientContext
from rules.identity import digest_of, input_digest, job_id, whole_inputs
from rules.messages import (
    Basis,
    Completeness,
    EarlierStudy,
    InstanceFile,
    ReportFile,
    ReportKind,
    StudyReady,
    StudyTriaged,
)
from rules.policy import Policy
from rules.priors import is_before
from rules.same_patient import contradiction
from workers.analysis import Analysis
from workers.cache import Cache
from workers.figures import write_figures, write_masks
from workers.images import Images
from workers.imaging.headers import PARSE_ERRORS, quiet
from workers.pipeline import Places, triage
from workers.study import DATES, PATIENT, patients_of, study_date, study_moment

FORMAT = "cartriage.triage/1"
"""Name and version of the result document; docs/triage.schema.json describes it."""

_UIDS = ["SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID"]


class FolderError(ValueError):
    """A folder that does not hold exactly one study to triage."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Folders for what a person may want to look at; None is not wanted."""

    figures: Path | None = None
    masks: Path | None = None

    def draw(self, images: Images, analysis: Analysis) -> None:
        """Write the pictures and masks that are wanted."""
        if self.figures:
            write_figures(images, analysis, self.figures)
        if self.masks:
            write_masks(images, analysis, self.masks)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the offline door made."""

    ready: StudyReady
    triaged: StudyTriaged
    document: dict[str, Any]
    out: Path

    def document_path(self, report: ReportFile) -> Path:
        """Absolute path of a report."""
        return Path(self.out.resolve().anchor) / report.path


def triage_folder(  # noqa: PLR0913 - each is one of the pipeline's inputs
    folder: Path,
    out: Path,
    context: PatientContext,
    policy: Policy,
    cache: Cache,
    *,
    now: datetime,
    at: datetime | None = None,
    study: str = "",
    baseline: Path | None = None,
    pictures: Pictures | None = None,
    models: Path | None = None,
    has_segmentation: bool = False,
) -> Outcome:
    """Triage the one study below `folder` and write its reports, pictures and result.json into `out`.

    now : aware; content time of the reports
    at : aware; the moment to decide for, to which the ages of context values are counted. None is the study's own
         date and time. Given, it is the content time too, and a second run writes the same bytes (docs/adr/0001).
    models : folder of plug-in models
    baseline : folder of one earlier study of the same patient to compare with
    has_segmentation : make SEGs too

    Raises FolderError if there is no DICOM, or more than one study and none named; CannotAssess if no header
    can be read.
    """
    studies, skipped = _scan(folder.resolve(), out.resolve())
    chosen = _choose(folder, studies, study)
    root = Path(folder.resolve().anchor)
    clocks = (at, at) if at else (now, _moment_of(studies[chosen], root))
    mismatch = contradiction(context, patients_of(_headers(studies[chosen], root, PATIENT)))
    used = PatientContext() if mismatch else context
    ready = replace(_ready(chosen, studies[chosen], used, policy, clocks), identity_mismatch=mismatch)
    if baseline:
        ready = _compared(ready, _earlier(baseline, out, used), policy)
    out.mkdir(parents=True, exist_ok=True)
    show = pictures.draw if pictures else None
    places = Places(root, out.resolve(), models, has_segmentation=has_segmentation)
    triaged = triage(ready, places, policy, cache, show=show)
    document = _document(ready, triaged, root, skipped)
    (out / "result.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    for report in triaged.reports:
        if report.kind is ReportKind.SC:
            Image.fromarray(dcmread(root / report.path).pixel_array).save(out / "secondary_capture.png")
    return Outcome(ready, triaged, document, out)


def _earlier(folder: Path, out: Path, context: PatientContext) -> EarlierStudy:
    studies, _ = _scan(folder.resolve(), out.resolve())
    chosen = _choose(folder, studies, "")
    headers = _headers(studies[chosen], Path(folder.resolve().anchor), DATES)
    made = study_date(headers)
    return EarlierStudy(chosen, _sorted(studies[chosen]), made, is_before(made, context.infusion_date))


def _compared(ready: StudyReady, earlier: EarlierStudy, policy: Policy) -> StudyReady:
    """The same study beside an earlier one: another input, so another job."""
    if earlier.study_instance_uid == ready.study_instance_uid:
        raise FolderError("the baseline is the study itself")
    inputs = whole_inputs(input_digest(ready.instances), earlier, ready.state)
    clocks = digest_of([ready.context, (ready.requested_at, ready.context_clock)])
    job = job_id(ready.study_instance_uid, inputs, clocks, policy.digest)
    return replace(ready, earlier=earlier, job_id=job)


def _sorted(files: Sequence[InstanceFile]) -> tuple[InstanceFile, ...]:
    return tuple(sorted(files, key=lambda one: (one.sop_instance_uid, one.sha256, one.path)))


def _choose(folder: Path, studies: Mapping[str, list[InstanceFile]], wanted: str) -> str:
    if not studies:
        raise FolderError(f"no DICOM file below {folder}")
    if wanted and wanted not in studies:
        raise FolderError(f"no study {wanted} below {folder}")
    if not wanted and len(studies) > 1:
        raise FolderError(
            f"{len(studies)} studies below {folder}; choose with --study: {', '.join(sorted(studies))}"
        )
    return wanted or next(iter(studies))


def _moment_of(files: Sequence[InstanceFile], root: Path) -> datetime | None:
    tags = ["StudyDate", "StudyTime", "TimezoneOffsetFromUTC"]
    headers = (dcmread(root / one.path, specific_tags=list(tags), stop_before_pixels=True) for one in files)
    return next((moment for header in headers if (moment := study_moment([header]))), None)


def _headers(files: Sequence[InstanceFile], root: Path, keywords: tuple[str, ...]) -> list[Dataset]:
    """Some attributes of every file."""
    with quiet():
        return [
            dcmread(root / one.path, specific_tags=list(keywords), stop_before_pixels=True) for one in files
        ]


def _ready(
    study: str,
    files: Sequence[InstanceFile],
    context: PatientContext,
    policy: Policy,
    clocks: tuple[datetime, datetime | None],
) -> StudyReady:
    instances = _sorted(files)
    return StudyReady(
        job_id=job_id(study, input_digest(instances), digest_of([context, clocks]), policy.digest),
        study_instance_uid=study,
        snapshot=1,
        instances=instances,
        completeness=Completeness(Basis.FOLDER, len(instances), f"{len(instances)} images from a folder"),
        context=context,
        policy_digest=policy.digest,
        requested_at=clocks[0],
        context_clock=clocks[1],
    )


def _scan(folder: Path, out: Path) -> tuple[dict[str, list[InstanceFile]], tuple[str, ...]]:
    """Study Instance UID to its files below `folder`, and what is no DICOM image; results in `out` are left out."""
    studies: dict[str, list[InstanceFile]] = {}
    skipped = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_relative_to(out):
            continue
        try:
            uids = _uids(path)
        except PARSE_ERRORS as error:
            skipped.append(f"{path.relative_to(folder)}: {type(error).__name__}")
            continue
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        sop_instance, sop_class, study, series = uids
        relative = path.relative_to(folder.anchor).as_posix()
        studies.setdefault(study, []).append(InstanceFile(sop_instance, series, sop_class, relative, sha256))
    return studies, tuple(skipped)


def _uids(path: Path) -> list[str]:
    with quiet():
        header = dcmread(path, specific_tags=list(_UIDS), stop_before_pixels=True)
        return [str(header[keyword].value) for keyword in _UIDS]


def _document(
    ready: StudyReady, triaged: StudyTriaged, root: Path, skipped: tuple[str, ...]
) -> dict[str, Any]:
    plain = to_plain(triaged)
    return {
        "format": FORMAT,
        "study_instance_uid": ready.study_instance_uid,
        "job_id": ready.job_id,
        "decided_at": ready.requested_at.isoformat(),
        "decided_for": ready.clock.isoformat(),
        "priority": triaged.decision.priority.value,
        "decision": plain["decision"],
        "findings": plain["findings"],
        "lesions": plain["lesions"],
        "series": plain["series"],
        "unreadable": plain["unreadable"],
        "skipped": list(skipped),
        "completeness": to_plain(ready.completeness),
        "baseline": ready.earlier.study_instance_uid if ready.earlier else "",
        "context": to_plain(ready.context),
        "inputs": [
            {"path": f"{root}{one.path}", "sop_instance_uid": one.sop_instance_uid, "sha256": one.sha256}
            for one in ready.instances
        ],
        "reports": [{**report, "path": f"{root}{report['path']}"} for report in plain["reports"]],
        "stages": plain["stages"],
        "versions": plain["versions"],
        "failure": triaged.failure,
    }
