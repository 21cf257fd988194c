"""Where the studies of an evaluation come from: a bar for scans of patients says nothing of drawn lesions."""

from enum import StrEnum

from workers.evaluation.insertion import GROUP
from workers.evaluation.outcome import Outcome
from workers.evaluation.synthetic import is_simulated


class Origin(StrEnum):
    """Who made the images and the truth of a study."""

    SIMULATED = "simulated"
    INSERTED = "inserted"
    """A read scan with lesions put into it: real images, drawn lesions."""
    READ = "read"
    """A scan as it was taken, with the truth of its reader."""


def origin_of(outcome: Outcome) -> Origin:
    """Told from the study's name and kind."""
    if is_simulated(outcome.name):
        return Origin.SIMULATED
    return Origin.INSERTED if outcome.kind.startswith(f"{GROUP} ") else Origin.READ
