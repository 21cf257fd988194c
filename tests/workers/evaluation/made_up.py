"""Outcomes as an evaluation would leave them, made up."""

from datetime import UTC, datetime
from pathlib import Path

import yaml

from rules.anatomy import Region, Role, Side
from rules.context import PatientContext
from rules.decision import Status
from rules.facts import Case
from rules.findings import UNITS, Evidence, Measured, Quantity
from rules.messages import SeriesQuality, SeriesUse, StageTime
from rules.urgency import Priority
from workers.evaluation.outcome import Ending, Outcome, RuleOutcome
from workers.evaluation.overlap import Overlap
from workers.evaluation.truth import TrueValue, Truth

TRUTH_FILE = {
    "case": "pres",
    "vendor": "ge",
    "body": "head",
    "brain_mask": "brain.nii.gz",
    "conditions": {"snr": 0.8, "thickness_mm": 5.0, "movement": 1.5},
    "expected_rules": ["R03"],
    "tolerated_rules": ["R10"],
    "missing_roles": [],
    "microbleed_count": 4,
    "midline_shift_mm": -6.5,
    "tonsils_below_foramen_mm": 3.0,
    "supraventricular_csf_ml": 20.0,
    "lesions": [{"kind": "vasogenic"}],
    "masks": {"lesion": {"file": "lesion.nii.gz", "role": "FLAIR", "volume_ml": 12.5}},
}
"""What the evaluation reads of the simulator's truth.yaml."""


def write_truth(folder: Path, **changes) -> None:
    """A truth.yaml in a folder, as the simulator would have written it."""
    folder.mkdir(exist_ok=True)
    (folder / "truth.yaml").write_text(yaml.safe_dump({**TRUTH_FILE, **changes}))


def volume(value: float, uncertainty: float | None = None, region: Region = Region.THALAMUS) -> Measured:
    quantity = Quantity.FLAIR_VOLUME
    evidence = Evidence("flair_hyperintensity 1", "")
    return Measured(quantity, region, Side.LEFT, value, UNITS[quantity], evidence, uncertainty)


def microbleeds(count: float) -> Measured:
    quantity = Quantity.MICROBLEED_COUNT
    return Measured(
        quantity, Region.BRAIN, Side.WHOLE, count, UNITS[quantity], Evidence("susceptibility 1", "")
    )


def true_volume(value: float, region: Region = Region.THALAMUS) -> TrueValue:
    return TrueValue(Quantity.FLAIR_VOLUME, region, Side.LEFT, value)


def true_microbleeds(count: float) -> TrueValue:
    return TrueValue(Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE, count)


def overlap(dice: float, true_ml: float, found_ml: float, false: int = 0) -> Overlap:
    return Overlap("flair", dice, true_ml, found_ml, 4 if true_ml else 0, 3 if true_ml else 0, false)


def outcome(name: str, truth: Truth | None, given: dict[str, tuple[Status, float]], **changes) -> Outcome:
    """An outcome with R02 and R03 answered as `given`; absent by far otherwise."""
    answers = {"R02": (Status.ABSENT, -1.0), "R03": (Status.ABSENT, -1.0), **given}
    rules = tuple(RuleOutcome(code, status, margin) for code, (status, margin) in answers.items())
    quality = SeriesQuality(signal_to_noise=20.0, slice_spacing_mm=5.0)
    fields = {
        "imaging_priority": Priority.P4,
        "priority": Priority.P4,
        "seconds": 30.0,
        "peak_mb": 900.0,
        "series": (SeriesUse("", Role.FLAIR, is_used=True, reason="", instances=30, quality=quality),),
        "stages": (StageTime("anatomy", 12.0), StageTime("read FLAIR", 1.0), StageTime("read FLAIR", 0.5)),
        **changes,
    }
    if "measured" in fields:
        fields["case"] = Case(
            fields.pop("measured"), PatientContext(), (Role.FLAIR,), datetime(2026, 11, 27, tzinfo=UTC)
        )
    return Outcome(name, "digest", fields.pop("ending", Ending.DONE), truth=truth, rules=rules, **fields)
