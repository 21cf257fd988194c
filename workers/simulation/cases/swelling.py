"""Diffuse oedema and herniation by grade."""

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case, Swelling
from workers.simulation.plans import LesionPlan, Target
from workers.simulation.tissues import Tissue

_SWOLLEN = LesionPlan(
    Region.CENTRUM_SEMIOVALE,
    (26, -18, 28),
    (22, 58, 30),
    Tissue.VASOGENIC,
    0.45,
    Target.WHITE,
    bilateral=True,
    roughness=0.2,
)
"""17 to 32 mL of each parieto-occipital region, 57-66 % of all of it under the cortex (three studies): what R03 of the knowledge base
asks for, which knows no "diffuse" that would exclude it (23 % of PRES is holohemispheric). So R03 is a matter of reading here."""

_RIGHT_HEMISPHERE = LesionPlan(
    Region.FRONTAL, (32, -8, 26), (24, 52, 30), Tissue.VASOGENIC, 0.55, Target.WHITE, roughness=0.25
)

SWELLING: tuple[Case, ...] = (
    Case(
        "oedema",
        "Diffuse cerebral oedema: tight sulci and ventricles, swollen white matter.",
        ("diffuse_oedema",),
        Priority.P1,
        lesions=(_SWOLLEN,),
        csf_gain=0.3,
        ventricles=0.7,
        rules=("R01",),
        tolerated=("R03", "R10"),
    ),
    Case(
        "oedema_severe",
        "Diffuse oedema without open sulci or cisterns, slit ventricles.",
        ("diffuse_oedema",),
        Priority.P1,
        lesions=(_SWOLLEN,),
        csf_gain=0.12,
        ventricles=0.5,
        swelling=Swelling(cisterns=0.1),
        rules=("R01",),
        tolerated=("R03", "R10"),
    ),
    Case(
        "oedema_shift",
        "Oedema of the right hemisphere, tight sulci, the midline pushed to the left.",
        ("diffuse_oedema", "midline_shift"),
        Priority.P1,
        lesions=(_RIGHT_HEMISPHERE,),
        csf_gain=0.35,
        ventricles=0.75,
        swelling=Swelling(cisterns=0.4, shift_mm=9.0, right_csf=0.4),
        rules=("R01",),
        tolerated=("R10", "R16"),
    ),
    Case(
        "tonsils_low",
        "Diffuse oedema with closed cisterns and cerebellar tonsils below the foramen magnum.",
        ("diffuse_oedema", "herniation"),
        Priority.P1,
        lesions=(_SWOLLEN,),
        csf_gain=0.2,
        ventricles=0.6,
        swelling=Swelling(cisterns=0.15, tonsils_mm=9.0),
        rules=("R01",),
        tolerated=("R03", "R10"),
    ),
    Case(
        "young_tight",
        "A healthy brain of a young adult: narrow sulci and ventricles, open cisterns.",
        (),
        Priority.P4,
        ages=(16, 26),
        csf_gain=0.6,
        ventricles=0.85,
    ),
)
"""How much room is left in the skull."""
