"""Studies that lack something."""

from rules.anatomy import Role
from rules.urgency import Priority
from workers.simulation.case import Body, Case
from workers.simulation.cases.posterior import PRES

UNREADABLE: tuple[Case, ...] = (
    Case(
        "no_flair",
        "A healthy brain in a study without a FLAIR series.",
        (),
        None,
        without=frozenset({Role.FLAIR}),
    ),
    Case(
        "knee",
        "A limb, filed under a head protocol: no brain in the images.",
        (),
        None,
        body=Body.LIMB,
    ),
    Case(
        "motion",
        "The PRES case of a restless patient: every series has ghosts and blur.",
        ("pres",),
        Priority.P2,
        lesions=PRES,
        ghosting=0.16,
        tolerated=("R03",),
    ),
)
"""What cannot be read in full."""
