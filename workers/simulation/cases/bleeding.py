"""Microbleeds by number and place, and haematomas."""

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case
from workers.simulation.plans import FociPlan, Layer, LesionPlan, Target
from workers.simulation.space import Ellipsoid, Point
from workers.simulation.tissues import Tissue

_IRON = Tissue.HAEMOSIDERIN
_ANYWHERE = Ellipsoid((0, -18, 14), (58, 74, 42))
_BRAINSTEM = Ellipsoid((0, -27, -32), (11, 8, 12))


def _specks(region: Region, within: Ellipsoid, count: tuple[int, int]) -> FociPlan:
    return FociPlan(region, within, count, (1.5, 3.0), _IRON, 0.95, Target.ANY, apart_mm=9.0)


def _haematoma(region: Region, centre: Point, radii: Point) -> LesionPlan:
    """Clot with a methaemoglobin rim in oedema."""
    return LesionPlan(
        region,
        centre,
        radii,
        Tissue.VASOGENIC,
        0.75,
        roughness=0.2,
        layers=(Layer(Tissue.SUBACUTE_BLOOD, 0.78, 0.9), Layer(Tissue.ACUTE_BLOOD, 0.66)),
    )


BLEEDING: tuple[Case, ...] = (
    Case(
        "microbleeds",
        "Many punctate microhaemorrhages, visible on the susceptibility-weighted series.",
        ("microhaemorrhages",),
        Priority.P3,
        lesions=(
            FociPlan(Region.BRAIN, _ANYWHERE, (10, 22), (1.5, 3.2), _IRON, 0.95, Target.ANY, apart_mm=9.0),
            FociPlan(Region.PONS, _BRAINSTEM, (1, 3), (1.5, 2.8), _IRON, 0.95, Target.ANY, apart_mm=7.0),
        ),
        rules=("R07",),
    ),
    Case(
        "microbleeds_few",
        "One to four punctate microhaemorrhages.",
        ("microhaemorrhages",),
        Priority.P3,
        lesions=(_specks(Region.BRAIN, _ANYWHERE, (1, 4)),),
        rules=("R07",),
    ),
    Case(
        "microbleeds_deep",
        "Microhaemorrhages of brainstem, basal ganglia and corona radiata.",
        ("microhaemorrhages",),
        Priority.P2,
        lesions=(
            _specks(Region.PONS, _BRAINSTEM, (2, 3)),
            _specks(Region.PUTAMEN, Ellipsoid((27, 2, 0), (7, 16, 10)), (1, 2)),
            _specks(Region.PUTAMEN, Ellipsoid((-27, 2, 0), (7, 16, 10)), (1, 2)),
            _specks(Region.CENTRUM_SEMIOVALE, Ellipsoid((26, -10, 30), (9, 36, 10)), (1, 3)),
            _specks(Region.CENTRUM_SEMIOVALE, Ellipsoid((-26, -10, 30), (9, 36, 10)), (1, 3)),
        ),
        rules=("R07",),
    ),
    Case(
        "haemorrhage_lobar",
        "Acute haematoma of the left parietal lobe with a bright rim and oedema.",
        ("macrohaemorrhage",),
        Priority.P1,
        lesions=(_haematoma(Region.PARIETAL, (-34, -52, 36), (17, 19, 16)),),
        rules=("R08",),
        tolerated=("R06", "R07", "R16"),
    ),
    Case(
        "haemorrhage_deep",
        "Acute haematoma of the right putamen.",
        ("macrohaemorrhage",),
        Priority.P1,
        lesions=(_haematoma(Region.PUTAMEN, (28, 0, 2), (12, 17, 13)),),
        rules=("R08",),
        tolerated=("R06", "R07", "R16"),
    ),
)
"""What a reader finds on susceptibility-weighted images."""
