"""What takes contrast agent, and fluid that only looks like it."""

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case, Swelling
from workers.simulation.plans import Layer, LesionPlan, PiaPlan, Target
from workers.simulation.space import Ellipsoid
from workers.simulation.tissues import Tissue

_PIA = Tissue.ENHANCING_PIA

_TUMOUR = LesionPlan(
    Region.FRONTAL,
    (34, 20, 22),
    (24, 28, 22),
    Tissue.VASOGENIC,
    0.75,
    Target.WHITE,
    roughness=0.25,
    layers=(
        Layer(Tissue.ENHANCING, 0.6, 0.95),
        Layer(Tissue.VASOGENIC, 0.36, 0.9),
    ),
)

ENHANCEMENT: tuple[Case, ...] = (
    Case(
        "meninges_diffuse",
        "Leptomeningeal enhancement along the sulci of both hemispheres and the cerebellar folia.",
        ("leptomeningeal_enhancement",),
        Priority.P3,
        lesions=(PiaPlan(Region.BRAIN, Ellipsoid((0, -18, 10), (78, 96, 76)), _PIA, 0.8),),
        rules=("R09",),
    ),
    Case(
        "meninges_focal",
        "Leptomeningeal enhancement of some left parietal sulci.",
        ("leptomeningeal_enhancement",),
        Priority.P3,
        lesions=(PiaPlan(Region.PARIETAL, Ellipsoid((-38, -50, 46), (28, 28, 26)), _PIA, 0.9),),
        rules=("R09",),
    ),
    Case(
        "enhancing_lesion",
        "Two enhancing lesions with oedema, frontal and parietal.",
        ("parenchymal_enhancement",),
        Priority.P2,
        lesions=(
            LesionPlan(
                Region.FRONTAL,
                (28, 24, 26),
                (14, 15, 13),
                Tissue.VASOGENIC,
                0.7,
                Target.WHITE,
                layers=(Layer(Tissue.ENHANCING, 0.5, 0.9),),
            ),
            LesionPlan(
                Region.PARIETAL,
                (-28, -48, 34),
                (12, 13, 12),
                Tissue.VASOGENIC,
                0.7,
                Target.WHITE,
                layers=(Layer(Tissue.ENHANCING, 0.5, 0.9),),
            ),
        ),
        tolerated=("R03", "R10", "R16"),
    ),
    Case(
        "tumour",
        "A mass of the right frontal lobe with an enhancing rim, oedema and midline shift.",
        ("mass",),
        Priority.P1,
        lesions=(_TUMOUR,),
        swelling=Swelling(shift_mm=8.0, right_csf=0.45),
        rules=("R16",),
        tolerated=("R01",),
    ),
    Case(
        "oxygen_flair",
        "A healthy brain under high inspired oxygen: sulci bright on FLAIR, nothing enhances.",
        (),
        Priority.P4,
        bright_fluid=0.8,
    ),
    Case(
        "contrast_flair",
        "A healthy brain whose FLAIR was taken after contrast agent: sulci a little bright on FLAIR, T1 clean.",
        (),
        Priority.P4,
        bright_fluid=0.4,
        contrast_before_flair=True,
    ),
)
"""What a reader finds on the T1 images after contrast agent."""
