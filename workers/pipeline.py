"""The walk of one study through the workers, stages 5 to 9, on one screen.

files -> series -> volume -> anatomy -> findings -> decision -> reports
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import Dataset

from rules.clinical import inferred
from rules.context_words import context_lines
from rules.decide import decide
from rules.decision import Decision
from rules.facts import Case, Earlier, LastResult
from rules.findings import Finding, Measured, Why
from rules.identity import digest_of
from rules.messages import ReportFile, ResultState, SeriesUse, StudyReady, StudyTriaged
from rules.policy import Policy
from workers.analysis import Analysis, analyse, silent
from workers.cache import Cache
from workers.checks.registry import checks
from workers.errors import CannotAssess
from workers.images import Images, Placed
from workers.imaging.cuts import measuring_by
from workers.imaging.series import Series, Unreadable, read_study
from workers.key_frames import key_frames
from workers.key_slices import key_slices
from workers.lesion_masks import lesion_masks
from workers.reports.content import ReportContent
from workers.reports.involvement import amount, check_name, in_turn, turn_of
from workers.reports.writing import write_reports
from workers.stages import Stages
from workers.study import age_years, modalities, study_date, with_birth_date
from workers.versions import device, versions


@dataclass(frozen=True, slots=True)
class Places:
    """Where a walk reads and writes."""

    root: Path
    """The file store: instance paths are relative to it, and so are report paths."""
    reports: Path | None
    """Folder below `root` for the reports of this job; None writes none."""
    models: Path | None = None
    """Folder of plug-in models."""
    has_contours: bool = False
    """Whether the site asked for contours on the key slices (docs/adr/0010)."""
    has_segmentation: bool = False
    """Whether the site asked for SEGs."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the analysis hands to the reports."""

    findings: tuple[Finding, ...]
    series: tuple[SeriesUse, ...]
    headers: tuple[Dataset, ...]
    unread: tuple[str, ...]


def triage(
    ready: StudyReady,
    places: Places,
    policy: Policy,
    cache: Cache,
    *,
    failure: tuple[Why, str] | None = None,
    show: Callable[[Images, Analysis], None] | None = None,
) -> StudyTriaged:
    """Analyse, decide and report one snapshot of a study. Pure in its inputs: twice the same is once.

    failure : a reason and the name of an error, to decide and report without analysis
    show : is handed the images and what was found in them, to draw pictures

    Raises CannotAssess only if not even one header of the study can be read.
    """
    ready = replace(ready, context=inferred(ready.context, policy.limits.recipient_words))
    stages = Stages(cache)
    with stages.timed("read"):
        series, unreadable = read_study(ready.instances, places.root)
    headers = tuple(header for one in series for header in one.headers)
    unread = _summary(unreadable)
    if not headers:
        raise CannotAssess(Why.SERIES_UNREADABLE, "no file of the study is readable DICOM")
    images = Images(series, ready.instances, stages)
    with measuring_by(policy.measurements):
        result = _failed(failure) if failure else _analysed(ready, places, images, headers)
        if ready.state is ResultState.PROVISIONAL:
            result = result.awaiting()
        if show:
            show(images, result)
    with stages.timed("decide"):
        decision = decide(policy, case_of(ready, headers, result))
    uses = _uses(series, result)
    identity = _identity(ready, places, failed=failure is not None)
    content = replace(
        _content(ready, identity, decision, _Measured(result.findings, uses, headers, unread)),
        target_minutes=policy.target_minutes.get(decision.priority),
        has_contours=places.has_contours,
    )
    with stages.timed("report"):
        reports = _reports(content, places, headers, None if failure else (images, result))
    return StudyTriaged(
        job_id=ready.job_id,
        study_instance_uid=ready.study_instance_uid,
        snapshot=ready.snapshot,
        decision=decision,
        findings=result.findings,
        lesions=result.lesions,
        series=uses,
        reports=reports,
        stages=tuple(stages.times),
        versions=versions(),
        unreadable=unread,
        failure=failure[1] if failure else "",
        state=ready.state,
    )


def _reports(
    content: ReportContent, places: Places, headers: Sequence[Dataset], found: tuple[Images, Analysis] | None
) -> tuple[ReportFile, ...]:
    """The reports, with pictures and masks if the images were analysed."""
    if places.reports is None:
        return ()
    folder = places.reports if found else places.reports / "unanalysed"
    if found:
        masks = tuple(lesion_masks(*found)) if places.has_segmentation else ()
        frames = key_frames(*found, headers, content.key_sop_instance_uids)
        content = replace(content, key_slices=key_slices(*found), key_frames=frames, masks=masks)
    return write_reports(content, folder, places.root)


def _identity(ready: StudyReady, places: Places, *, failed: bool) -> str:
    """Another content needs another identity: a PACS may keep the first object it has of a UID."""
    asked = {
        "without analysis": failed,
        "contours": places.has_contours,
        "masks": places.has_segmentation,  # the SR points to them
    }
    differences = [name for name, is_so in asked.items() if is_so]
    return digest_of([ready.job_id, *differences]) if differences else ready.job_id


def _analysed(ready: StudyReady, places: Places, images: Images, headers: Sequence[Dataset]) -> Analysis:
    earlier = None
    if ready.earlier:
        before, _ = read_study(ready.earlier.instances, places.root)
        earlier = Images(before, ready.earlier.instances, images.stages, origin=images)
    return analyse(images, checks(places.models), age_years(headers), earlier)


def _failed(failure: tuple[Why, str]) -> Analysis:
    why = failure[0]
    words = {Why.TIMEOUT: "the analysis took too long and was stopped"}
    # Without plug-in models: a broken one may be what failed.
    return silent(checks(), why, words.get(why, "the analysis failed; the study was not measured"))


def case_of(ready: StudyReady, headers: Sequence[Dataset], result: Analysis) -> Case:
    """What the decision rests on."""
    last = ready.last_result
    return Case(
        findings=result.findings,
        context=with_birth_date(ready.context, headers),
        roles=tuple(sorted(role for role, place in result.placed.items() if isinstance(place, Placed))),
        now=ready.clock,
        study_date=study_date(headers),
        modalities=modalities(headers),
        earlier=Earlier(ready.earlier.study_date, ready.earlier.is_baseline) if ready.earlier else None,
        last_result=LastResult(last.study_date, last.findings) if last else None,
        identity_mismatch=ready.identity_mismatch,
        earlier_priority=ready.earlier_priority,
        is_arriving=ready.state is ResultState.PROVISIONAL,
        is_after_provisional=ready.supersedes is ResultState.PROVISIONAL,
    )


def _content(
    ready: StudyReady,
    identity: str,
    decision: Decision,
    measured: _Measured,
) -> ReportContent:
    seen = ready.completeness.detail or f"{ready.completeness.instances} images"
    return ReportContent(
        job_id=identity,
        snapshot=ready.snapshot,
        decision=decision,
        findings=measured.findings,
        series=measured.series,
        headers=measured.headers,
        key_sop_instance_uids=_key_images(measured.findings),
        completeness="; ".join(
            (seen, *(f"not read: {clause}" for clause in measured.unread), *_beside(ready))
        ),
        context_lines=context_lines(ready.context, ready.clock, study_date(measured.headers)),
        decided_at=ready.requested_at,
        device=device(),
        versions=versions(),
        state=ready.state,
        predecessor=ready.predecessor,
    )


def _beside(ready: StudyReady) -> Iterator[str]:
    """Which study the images are compared with, or why none, as one clause."""
    if ready.earlier:
        made = ready.earlier.study_date
        yield f"compared with the study of {made}" if made else "compared with an undated earlier study"
    elif ready.not_compared:
        yield f"not compared: {ready.not_compared}"


def _key_images(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The key slices of what there is most of, each check in turn, each slice once, at most six."""
    measured = [one for one in findings if isinstance(one, Measured) and amount([one]) > 0]
    ranked = in_turn(sorted(measured, key=lambda one: -one.value), lambda one: turn_of(check_name(one)))
    uids = [uid for finding in ranked for uid in finding.evidence.sop_instance_uids]
    return tuple(dict.fromkeys(uids))[:6]


def _uses(series: Sequence[Series], result: Analysis) -> tuple[SeriesUse, ...]:
    """What became of each series: measured, with its quality, or not, with the reason."""
    placed = {
        uid: place for place in result.placed.values() if isinstance(place, Placed) for uid in place.uids
    }
    return tuple(_use(one, placed.get(one.series_instance_uid)) for one in series)


def _use(series: Series, placed: Placed | None) -> SeriesUse:
    return SeriesUse(
        series.series_instance_uid,
        series.role,
        is_used=placed is not None,
        reason=series.evidence,
        instances=len(series.files),
        quality=placed.quality if placed else None,
        confidence=series.confidence,
    )


def _summary(unreadable: Sequence[Unreadable]) -> tuple[str, ...]:
    counts = Counter(item.detail for item in unreadable)
    return tuple(
        f"{count} file{'s' if count > 1 else ''}: {detail}" for detail, count in sorted(counts.items())
    )
