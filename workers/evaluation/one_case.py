"""One study from its making to its outcome, in a process of its own: `python -m workers.evaluation.one_case JOB.json`.

The study is made in a child process, so that the peak memory told is that of the analysis alone.
"""

import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from rules.codec import from_plain, to_plain
from rules.context import PatientContext
from rules.facts import Case
from rules.findings import Finding, Measured, Quantity
from rules.messages import StudyTriaged
from rules.policy import Policy, load
from workers.analysis import Analysis
from workers.cache import Cache
from workers.errors import CannotAssess
from workers.evaluation.deciding import decided
from workers.evaluation.outcome import Ending, Outcome, save
from workers.evaluation.overlap import Overlap, on_grid_of, overlap_of
from workers.evaluation.regional import RegionOverlap, by_region
from workers.evaluation.suites import Made, Study, make
from workers.evaluation.synthetic import truth_in
from workers.evaluation.truth import MASK_CHECKS, TrueValue, Truth
from workers.figures import write_figures, write_masks
from workers.images import Images, Placed
from workers.offline import Pictures, triage_folder
from workers.pipeline import case_of

SCRATCH = "scratch-"
"""Start of the name of the folder that a case works in; left behind only where its process was killed."""
MADE = "made.json"
"""In the folder of a made study: where everything lies, and what is true of it."""
REGIONAL = frozenset({"flair", "restricted"})
"""Kinds whose check tells a volume of each region that is just its mask's. The enhancing mask holds the meninges too."""
POOR_DICE = 0.5
"""Below, a case counts as a failure that is drawn."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a process has to do."""

    study: Study
    identity: str
    home: str
    """Folder of this case's outcome, absolute."""
    policy: str = ""
    """Folder of another policy than the packaged one."""
    kept: str = ""
    """Folder in which the made study stays, absolute; empty: it is made for this case only."""


@dataclass(frozen=True, slots=True)
class Kept(Pictures):
    """Keeps what the pipeline would draw."""

    seen: list[tuple[Images, Analysis]] = field(default_factory=list)

    def draw(self, images: Images, analysis: Analysis) -> None:
        self.seen.append((images, analysis))


def run(job: Job) -> Outcome:
    """Make, triage and compare one study; its outcome.json stays in the job's home, with pictures if it went wrong."""
    home = Path(job.home)
    policy = load(Path(job.policy) if job.policy else None)
    with tempfile.TemporaryDirectory(dir=home, prefix=SCRATCH) as scratch:
        made = _made_elsewhere(job.study, Path(job.kept or scratch))
        # Without its identity: if this process ends here, only the truth of this outcome is used.
        known = made.truth.without_files
        save(Outcome(job.study.name, "", Ending.CRASH, truth=known), home / "outcome.json")
        try:
            outcome = _measured(job, made, policy, Path(scratch))
        except CannotAssess as refusal:
            outcome = Outcome(job.study.name, job.identity, Ending.REFUSED, refusal.detail, known)
    save(outcome, home / "outcome.json")
    return outcome


def _made_elsewhere(study: Study, place: Path) -> Made:
    """The study that lies in a folder, or else is made there in a child process; raises RuntimeError if that fails.

    Forked while this process has but one thread: a spawned one would import everything once more, for four seconds.
    """
    told = place / MADE
    if not told.exists():
        child = multiprocessing.get_context("fork").Process(target=_make, args=(study, place))
        child.start()
        child.join()
        if child.exitcode:
            raise RuntimeError(f"the study could not be made (status {child.exitcode})")
    made: Made = from_plain(Made, json.loads(told.read_text(encoding="utf-8")))
    # It may have been made when less was read of what the simulator wrote.
    return made if study.folder else replace(made, truth=made.truth.renewed(truth_in(place)))


def _make(study: Study, place: Path) -> None:
    """Make a study; its last file says that it is whole, so what a killed process left is made anew."""
    for left in place.glob("*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    place.mkdir(parents=True, exist_ok=True)
    fresh = place / f"{MADE}.new"
    fresh.write_text(json.dumps(to_plain(make(study, place))), encoding="utf-8")
    fresh.replace(place / MADE)


def _measured(job: Job, made: Made, policy: Policy, scratch: Path) -> Outcome:
    kept = Kept()
    start = time.monotonic()
    done = triage_folder(
        Path(made.folder),
        scratch / "out",
        PatientContext(is_cart_recipient=True, infusion_date=made.infusion_date),
        policy,
        Cache(None),
        now=datetime.now(UTC).replace(microsecond=0),
        baseline=Path(made.baseline) if made.baseline else None,
        pictures=kept,
    )
    seconds = time.monotonic() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    images, analysis = kept.seen[0]
    overlaps, regions = _compared(images, analysis, made.truth, scratch / "masks")
    volumes = (
        TrueValue(MASK_CHECKS[one.kind][0], one.region, one.side, one.true_ml)
        for one in regions
        if one.kind in REGIONAL
    )
    truth = replace(made.truth, values=(*made.truth.values, *volumes))
    headers = tuple(header for one in images.series for header in one.headers)
    case = case_of(done.ready, headers, analysis)
    outcome = _outcome(
        job, truth, done.triaged, replace(case, findings=tuple(map(_anonymous, case.findings)))
    )
    outcome = decided(outcome, policy)
    outcome = replace(
        outcome, overlaps=overlaps, regions=regions, seconds=round(seconds, 2), peak_mb=round(peak_mb)
    )
    outcome = replace(outcome, brain_dice=_brain_dice(scratch / "masks" / "brain.nii.gz", made.truth.brain))
    if not is_failure(outcome):
        return outcome
    drawn = write_figures(images, analysis, Path(job.home) / "figures")
    home = Path(job.home)
    return replace(outcome, pictures=tuple(str(path.relative_to(home.parent.parent)) for path in drawn))


def is_failure(outcome: Outcome) -> bool:
    """Whether a case deserves a look: a wrong rule, or a mask that misses most of what is there."""
    poor = any(one.true_ml > 1 and (one.dice or 0) < POOR_DICE for one in outcome.overlaps)
    return bool(outcome.wrong_rules) or poor or outcome.ending is not Ending.DONE


def _outcome(job: Job, truth: Truth, result: StudyTriaged, case: Case) -> Outcome:
    return Outcome(
        name=job.study.name,
        identity=job.identity,
        ending=Ending.CRASH if result.failure else Ending.DONE,
        detail=result.failure,
        truth=truth.without_files,
        case=case,
        series=tuple(replace(one, series_instance_uid="") for one in result.series),
        stages=result.stages,
    )


def _anonymous(finding: Finding) -> Finding:
    """Without the UIDs of a study that is gone."""
    if isinstance(finding, Measured):
        return replace(
            finding, evidence=replace(finding.evidence, series_instance_uid="", sop_instance_uids=())
        )
    return finding


def _compared(
    images: Images, analysis: Analysis, truth: Truth, folder: Path
) -> tuple[tuple[Overlap, ...], tuple[RegionOverlap, ...]]:
    """Each true mask beside the found one: the whole, and every region as the product laid it."""
    write_masks(images, analysis, folder)
    overlaps: list[Overlap] = []
    regions: list[RegionOverlap] = []
    for true in truth.masks:
        quantity, role = MASK_CHECKS[true.kind]
        found = folder / f"{_check_of(analysis, quantity)}.nii.gz"
        if not found.exists() and not isinstance(images.placed(role), Placed):
            continue  # not assessed, which the findings tell; there is no mask to judge
        path = Path(true.path) if true.path else None
        overlaps.append(overlap_of(true.kind, found if found.exists() else None, path))
        if found.exists():
            here = on_grid_of(found, found)
            regions += by_region(
                true.kind, images.scan(role), here, on_grid_of(found, path) if path else None
            )
    return tuple(overlaps), tuple(regions)


def _brain_dice(found: Path, truth: str) -> float | None:
    return overlap_of("brain", found, Path(truth)).dice if truth and found.exists() else None


def _check_of(analysis: Analysis, quantity: Quantity) -> str:
    """The name of the check that speaks of a quantity; empty if none does."""
    return next(
        (
            name
            for name, result in analysis.results.items()
            if any(one.quantity is quantity for one in result.findings)
        ),
        "",
    )


def main() -> None:
    """Run the job whose file is named on the command line."""
    path = Path(sys.argv[1])
    job: Job = from_plain(Job, json.loads(path.read_text(encoding="utf-8")))
    shutil.rmtree(Path(job.home) / "figures", ignore_errors=True)
    run(job)


if __name__ == "__main__":
    main()
