"""White matter: toxic, demyelinating, and of small vessels."""

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case
from workers.simulation.plans import FociPlan, LesionPlan, Plan, RimPlan, Target
from workers.simulation.space import Ellipsoid
from workers.simulation.tissues import Tissue

_WHITE_MATTER = Ellipsoid((0, -15, 30), (48, 62, 26))
_VENTRICLE_RIGHT = Ellipsoid((20, -16, 16), (16, 62, 20))
_VENTRICLE_LEFT = _VENTRICLE_RIGHT.mirrored()
_SCAR = Tissue.GLIOTIC
_FRONTAL_CAP = LesionPlan(
    Region.PERIVENTRICULAR, (20, 27, 14), (8, 9, 11), _SCAR, 0.6, Target.WHITE, bilateral=True
)
_POSTERIOR_CAP = LesionPlan(
    Region.PERIVENTRICULAR, (27, -50, 22), (9, 13, 11), _SCAR, 0.6, Target.WHITE, bilateral=True
)


def _scattered(count: tuple[int, int], radius_mm: tuple[float, float]) -> FociPlan:
    return FociPlan(Region.CENTRUM_SEMIOVALE, _WHITE_MATTER, count, radius_mm, _SCAR, 0.85)


def _rims(reach_mm: float, kind: Tissue, strength: float) -> tuple[RimPlan, ...]:
    """White matter along both lateral ventricles."""
    return tuple(
        RimPlan(Region.PERIVENTRICULAR, around, reach_mm, kind, strength, Target.WHITE)
        for around in (_VENTRICLE_RIGHT, _VENTRICLE_LEFT)
    )


def _plaques(near: tuple[int, int], far: tuple[int, int]) -> tuple[Plan, ...]:
    """Ovoid periventricular plaques and rounder ones under the cortex."""
    return (
        FociPlan(
            Region.PERIVENTRICULAR,
            Ellipsoid((0, -18, 20), (32, 50, 14)),
            near,
            (2.8, 5.5),
            Tissue.DEMYELINATED,
            1.0,
            elongation=1.7,
        ),
        FociPlan(
            Region.CENTRUM_SEMIOVALE,
            Ellipsoid((0, -15, 36), (52, 64, 22)),
            far,
            (2.6, 4.6),
            Tissue.DEMYELINATED,
            1.0,
        ),
    )


WHITE_MATTER: tuple[Case, ...] = (
    Case(
        "leukoencephalopathy",
        "Confluent symmetric signal of centrum semiovale and periventricular white matter.",
        ("leukoencephalopathy",),
        Priority.P2,
        ages=(18, 58),
        lesions=(
            LesionPlan(
                Region.CENTRUM_SEMIOVALE,
                (25, -16, 34),
                (12, 44, 13),
                Tissue.VASOGENIC,
                0.55,
                Target.WHITE,
                bilateral=True,
                roughness=0.2,
            ),
            *_rims(6.0, Tissue.VASOGENIC, 0.5),
        ),
        rules=("R10",),
        tolerated=("R18",),
    ),
    Case(
        "callosal_foci",
        "Punctate foci in body and isthmus of the corpus callosum.",
        ("callosal_foci",),
        Priority.P3,
        lesions=(
            FociPlan(
                Region.CALLOSAL_BODY,
                Ellipsoid((0, -8, 25), (14, 26, 5)),
                (4, 7),
                (2.0, 3.2),
                Tissue.VASOGENIC,
                1.0,
                apart_mm=7.0,
            ),
        ),
        rules=("R18",),
    ),
    Case(
        "small_vessel_mild",
        "Caps and a few small white-matter foci, about 60 years old.",
        ("small_vessel_disease",),
        ages=(50, 68),
        lesions=(_scattered((4, 9), (1.8, 3.0)),),
        tolerated=("R18",),
    ),
    Case(
        "small_vessel_disease",
        "Caps, rims and scattered deep white-matter foci of chronic small-vessel disease, about 70 years old.",
        ("small_vessel_disease",),
        ages=(66, 78),
        lesions=(_scattered((20, 34), (2.0, 4.8)), _FRONTAL_CAP, _POSTERIOR_CAP),
        tolerated=("R18",),
    ),
    Case(
        "small_vessel_severe",
        "Broad rims and partly confluent foci of severe small-vessel disease, with lacunes.",
        ("small_vessel_disease",),
        ages=(70, 80),
        lesions=(
            _scattered((30, 45), (3.0, 6.0)),
            _FRONTAL_CAP,
            _POSTERIOR_CAP,
            *_rims(4.0, _SCAR, 0.6),
            FociPlan(
                Region.PUTAMEN,
                Ellipsoid((25, 2, 4), (8, 16, 9)),
                (1, 2),
                (2.0, 3.0),
                Tissue.CSF,
                1.0,
                Target.ANY,
            ),
        ),
        tolerated=("R10", "R18"),
    ),
    Case(
        "ms_like",
        "Ovoid periventricular and juxtacortical demyelinating lesions.",
        ("demyelination",),
        ages=(22, 45),
        lesions=_plaques((11, 19), (4, 9)),
        tolerated=("R10", "R18"),
    ),
    Case(
        "ms_light",
        "A few ovoid demyelinating lesions.",
        ("demyelination",),
        ages=(22, 45),
        lesions=_plaques((3, 6), (2, 4)),
        tolerated=("R18",),
    ),
    Case(
        "ms_heavy",
        "Many ovoid demyelinating lesions, partly confluent.",
        ("demyelination",),
        ages=(32, 58),
        lesions=_plaques((26, 38), (12, 20)),
        tolerated=("R10", "R18"),
    ),
)
"""What a reader finds in white matter on FLAIR."""
