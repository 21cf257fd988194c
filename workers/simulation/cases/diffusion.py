"""Restricted diffusion: splenium, cortical ribbon, cerebellum, vascular territories."""

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case
from workers.simulation.plans import FociPlan, LesionPlan, Target
from workers.simulation.space import Ellipsoid, Point
from workers.simulation.tissues import Tissue

_DEAD = Tissue.CYTOTOXIC


def _ribbon(region: Region, centre: Point, radii: Point, *, bilateral: bool = False) -> LesionPlan:
    """Cortex within an ellipsoid, without the white matter under it."""
    return LesionPlan(region, centre, radii, _DEAD, 0.9, Target.GREY, bilateral=bilateral, other_side=0.8)


def _punctate(side: float) -> FociPlan:
    return FociPlan(
        Region.CEREBELLUM,
        Ellipsoid((26 * side, -64, -38), (18, 16, 11)),
        (3, 6),
        (2.6, 4.2),
        _DEAD,
        1.0,
        Target.ANY,
        apart_mm=8.0,
    )


DIFFUSION: tuple[Case, ...] = (
    Case(
        "splenium",
        "Midline lesion of the splenium with restricted diffusion.",
        ("clocc",),
        Priority.P3,
        lesions=(
            LesionPlan(
                Region.SPLENIUM,
                (0, -38, 14),
                (13, 6, 7),
                _DEAD,
                0.85,
                Target.WHITE,
                roughness=0.15,
                jitter_mm=1.0,
            ),
        ),
        rules=("R05",),
    ),
    Case(
        "cortex_occipital",
        "Restricted diffusion of the occipital cortical ribbon on both sides.",
        ("restricted_diffusion",),
        Priority.P1,
        lesions=(_ribbon(Region.OCCIPITAL, (16, -84, 6), (15, 15, 15), bilateral=True),),
        rules=("R06",),
        tolerated=("R03",),
    ),
    Case(
        "cortex_multifocal",
        "Restricted diffusion of the right precentral and the left parietal cortex.",
        ("restricted_diffusion",),
        Priority.P1,
        lesions=(
            _ribbon(Region.PRECENTRAL, (38, -14, 54), (15, 12, 14)),
            _ribbon(Region.PARIETAL, (-36, -58, 46), (15, 15, 14)),
        ),
        rules=("R06",),
        tolerated=("R03", "R16"),
    ),
    Case(
        "cerebellar_punctate",
        "Punctate restricted diffusion in both cerebellar hemispheres.",
        ("restricted_diffusion",),
        Priority.P2,
        lesions=(_punctate(1.0), _punctate(-1.0)),
        rules=("R06",),
    ),
    Case(
        "stroke",
        "Restricted diffusion in the territory of the left middle cerebral artery.",
        ("territorial_infarct",),
        Priority.P1,
        lesions=(
            LesionPlan(Region.INSULA, (-40, 0, 4), (13, 22, 16), _DEAD, 0.85, roughness=0.25),
            LesionPlan(Region.FRONTAL, (-46, 8, 24), (14, 18, 16), _DEAD, 0.85, roughness=0.3),
        ),
        rules=("R06", "R16"),
    ),
    Case(
        "stroke_posterior",
        "Restricted diffusion in the territory of the right posterior cerebral artery.",
        ("territorial_infarct",),
        Priority.P1,
        lesions=(LesionPlan(Region.OCCIPITAL, (16, -80, 4), (13, 20, 13), _DEAD, 0.85, roughness=0.25),),
        rules=("R06", "R16"),
    ),
    Case(
        "shine_through",
        "Lesions that are bright on diffusion images through their long T2 alone: the ADC is not low.",
        (),
        Priority.P4,
        lesions=(
            FociPlan(
                Region.CENTRUM_SEMIOVALE,
                Ellipsoid((0, -15, 32), (46, 60, 22)),
                (4, 8),
                (4.0, 6.5),
                Tissue.SHINING,
                0.95,
                apart_mm=18.0,
            ),
            LesionPlan(
                Region.SPLENIUM, (0, -38, 14), (11, 5, 6), Tissue.SHINING, 0.8, Target.WHITE, jitter_mm=1.0
            ),
        ),
        tolerated=("R10", "R18"),
    ),
)
"""What a reader finds on DWI and ADC."""
