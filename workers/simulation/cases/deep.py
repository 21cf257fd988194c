"""Deep grey matter, brainstem, limbic structures and the upper cord."""

from dataclasses import replace

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case
from workers.simulation.plans import Layer, LesionPlan, RimPlan, Target
from workers.simulation.space import Ellipsoid, Point
from workers.simulation.tissues import Tissue

_OEDEMA = Tissue.VASOGENIC


def _pair(
    region: Region, centre: Point, radii: Point, strength: float, target: Target, roughness: float = 0.35
) -> LesionPlan:
    return LesionPlan(
        region, centre, radii, _OEDEMA, strength, target, bilateral=True, roughness=roughness, jitter_mm=1.0
    )


_THALAMI = _pair(Region.THALAMUS, (11, -18, 7), (11, 15, 10), 0.5, Target.ANY, 0.2)
_CAPSULES = _pair(Region.CAPSULE, (33, 0, 2), (3.5, 20, 13), 0.48, Target.ANY, 0.15)
_PUTAMINA = _pair(Region.PUTAMEN, (27, 2, 0), (6, 15, 10), 0.5, Target.GREY, 0.2)
_PONS = LesionPlan(Region.PONS, (0, -26, -34), (13, 9, 12), _OEDEMA, 0.45, roughness=0.25, jitter_mm=1.0)
_MIDBRAIN = LesionPlan(
    Region.MIDBRAIN, (0, -26, -12), (13, 8, 7), _OEDEMA, 0.5, roughness=0.25, jitter_mm=1.0
)
_HIPPOCAMPI = _pair(Region.HIPPOCAMPUS, (27, -20, -17), (8, 20, 7), 0.6, Target.GREY)
_AMYGDALAE = _pair(Region.TEMPORAL, (25, -3, -22), (9, 9, 9), 0.6, Target.GREY)

_LIMBIC = (
    _HIPPOCAMPI,
    _AMYGDALAE,
    _pair(Region.INSULA, (38, 4, 0), (6, 19, 13), 0.5, Target.GREY),
    _pair(Region.CINGULATE, (6, 22, 28), (7, 20, 10), 0.45, Target.GREY),
)

_NECROTISING = (
    replace(
        _THALAMI,
        strength=0.75,
        layers=(Layer(Tissue.CYTOTOXIC, 0.6, 0.85, Target.ANY), Layer(Tissue.HAEMOSIDERIN, 0.3, 0.7)),
    ),
    replace(_PONS, strength=0.6),
    _MIDBRAIN,
    _PUTAMINA,
)

DEEP: tuple[Case, ...] = (
    Case(
        "deep_grey_brainstem",
        "Symmetric thalamic, pontine, midbrain and external-capsule oedema (central-variant PRES or ANE-like).",
        ("deep_grey_brainstem",),
        Priority.P1,
        lesions=(_THALAMI, _PONS, _MIDBRAIN, _CAPSULES),
        rules=("R02",),
        tolerated=("R04", "R11"),
    ),
    Case(
        "deep_grey_only",
        "Symmetric oedema of thalami, putamina and external capsules; the brainstem is spared.",
        ("deep_grey",),
        Priority.P2,
        lesions=(_THALAMI, _PUTAMINA, _CAPSULES),
        rules=("R02",),
        tolerated=("R04",),
    ),
    Case(
        "necrotising",
        "Thalami with restricted diffusion and blood within symmetric oedema, brainstem and putamina swollen (ANE-like).",
        ("deep_grey_brainstem", "restricted_diffusion"),
        Priority.P1,
        lesions=_NECROTISING,
        rules=("R02", "R06"),
        tolerated=("R04", "R07", "R08", "R11", "R16"),
    ),
    Case(
        "limbic",
        "Hyperintense hippocampi, medial temporal lobes, insulae and cingulate gyri, both sides.",
        ("limbic",),
        Priority.P2,
        lesions=_LIMBIC,
        rules=("R04",),
    ),
    Case(
        "limbic_hippocampal",
        "Strongly hyperintense and swollen hippocampi and amygdalae, both sides, nothing else.",
        ("limbic",),
        Priority.P2,
        lesions=(replace(_HIPPOCAMPI, strength=0.85), replace(_AMYGDALAE, strength=0.8)),
        rules=("R04",),
    ),
    Case(
        "periaqueductal",
        "Hyperintense rims around the aqueduct and the fourth ventricle.",
        ("periaqueductal",),
        Priority.P2,
        lesions=(
            RimPlan(Region.PERIAQUEDUCTAL, Ellipsoid((0, -34.5, -14), (4, 4, 9)), 3.8, _OEDEMA, 0.9),
            RimPlan(Region.FOURTH_VENTRICLE_RIM, Ellipsoid((0, -45, -33), (11, 10, 14)), 3.6, _OEDEMA, 0.8),
        ),
        rules=("R11",),
        tolerated=("R02",),
    ),
    Case(
        "cord_signal",
        "Oedema of the upper cervical cord and lower medulla; to be seen where the field of view reaches below C1.",
        ("upper_cord",),
        Priority.P2,
        lesions=(
            LesionPlan(Region.MEDULLA, (0, -43, -60), (5, 4, 9), _OEDEMA, 0.6, roughness=0.15, jitter_mm=1.0),
        ),
        cord=0.7,
        rules=("R12",),
        tolerated=("R11",),
    ),
)
"""Symmetric lesions near the midline."""
