"""PRES and its atypical forms."""

from dataclasses import replace

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case
from workers.simulation.plans import Layer, LesionPlan, Target
from workers.simulation.tissues import Tissue

_GYRAL = Target.CORTEX_AND_SUBCORTEX
_OEDEMA = Tissue.VASOGENIC

_OCCIPITAL = LesionPlan(
    Region.OCCIPITAL, (22, -84, 8), (15, 16, 16), _OEDEMA, 0.62, _GYRAL, bilateral=True, other_side=0.75
)
_PARIETAL = LesionPlan(
    Region.PARIETAL, (26, -62, 42), (15, 17, 16), _OEDEMA, 0.58, _GYRAL, bilateral=True, other_side=0.8
)
_FRONTAL = LesionPlan(
    Region.FRONTAL, (24, 20, 50), (8, 15, 9), _OEDEMA, 0.48, _GYRAL, bilateral=True, other_side=0.7
)
_CEREBELLAR = LesionPlan(
    Region.CEREBELLUM, (24, -66, -38), (12, 12, 9), _OEDEMA, 0.5, _GYRAL, bilateral=True, other_side=0.7
)
PRES = (_OCCIPITAL, _PARIETAL, _FRONTAL)

_ASYMMETRIC = (
    LesionPlan(
        Region.OCCIPITAL, (24, -82, 8), (19, 20, 18), _OEDEMA, 0.8, _GYRAL, bilateral=True, other_side=0.3
    ),
    LesionPlan(
        Region.PARIETAL, (28, -60, 42), (18, 20, 17), _OEDEMA, 0.7, _GYRAL, bilateral=True, other_side=0.3
    ),
)


def _with_layer(plan: LesionPlan, layer: Layer) -> LesionPlan:
    return replace(plan, layers=(layer,))


_RESTRICTED = (
    _with_layer(_OCCIPITAL, Layer(Tissue.CYTOTOXIC, 0.62, 0.9, _GYRAL)),
    _PARIETAL,
    _FRONTAL,
)

_HAEMORRHAGE = LesionPlan(
    Region.OCCIPITAL,
    (24, -78, 14),
    (10, 12, 10),
    _OEDEMA,
    0.7,
    roughness=0.25,
    layers=(Layer(Tissue.ACUTE_BLOOD, 0.8),),
)

POSTERIOR: tuple[Case, ...] = (
    Case(
        "pres",
        "Vasogenic oedema of parietal, occipital and superior frontal cortex and subcortex, both sides, diffusion free.",
        ("pres",),
        Priority.P2,
        lesions=PRES,
        rules=("R03",),
    ),
    Case(
        "pres_asymmetric",
        "Parieto-occipital vasogenic oedema, much larger on the right.",
        ("pres",),
        Priority.P2,
        lesions=_ASYMMETRIC,
        rules=("R03",),
        tolerated=("R16",),
    ),
    Case(
        "pres_restricted",
        "PRES with restricted diffusion in the middle of the occipital oedema.",
        ("pres", "restricted_diffusion"),
        Priority.P1,
        lesions=_RESTRICTED,
        rules=("R03", "R06"),
        tolerated=("R16",),
    ),
    Case(
        "pres_haemorrhagic",
        "PRES with an acute haematoma of the right occipital lobe.",
        ("pres", "macrohaemorrhage"),
        Priority.P1,
        lesions=(*PRES, _HAEMORRHAGE),
        rules=("R03", "R08"),
        tolerated=("R06", "R16"),
    ),
    Case(
        "pres_enhancing",
        "PRES whose parieto-occipital oedema takes contrast agent.",
        ("pres", "parenchymal_enhancement"),
        Priority.P2,
        lesions=(
            _with_layer(_OCCIPITAL, Layer(Tissue.ENHANCING_OEDEMA, 0.75, 0.75, _GYRAL)),
            _with_layer(_PARIETAL, Layer(Tissue.ENHANCING_OEDEMA, 0.7, 0.7, _GYRAL)),
            _FRONTAL,
        ),
        rules=("R03",),
        tolerated=("R09",),
    ),
    Case(
        "pres_cerebellar",
        "PRES of parietal and occipital lobes and both cerebellar hemispheres.",
        ("pres",),
        Priority.P2,
        lesions=(_OCCIPITAL, _PARIETAL, _CEREBELLAR),
        rules=("R03",),
    ),
)
"""Parieto-occipital oedema and what may come with it."""
