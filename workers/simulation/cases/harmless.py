"""Healthy brains over the ages, old scars, and what scanners and age draw without disease."""

from rules.anatomy import Region
from rules.urgency import Priority
from workers.simulation.case import Case
from workers.simulation.plans import Layer, LesionPlan, Target
from workers.simulation.tissues import Tissue

_PALLIDA = (19.0, -4.0, -2.0)
_DENTATES = (15.0, -58.0, -35.0)

HARMLESS: tuple[Case, ...] = (
    Case("healthy", "A healthy brain; caps and rims as the age allows."),
    Case("healthy_child", "A healthy child's brain: little fluid, no caps.", ages=(6, 15)),
    Case("healthy_young", "A healthy young adult's brain.", ages=(16, 32)),
    Case(
        "healthy_old",
        "A healthy old brain: wide sulci and ventricles, caps and rims.",
        ages=(68, 80),
        csf_gain=1.25,
        ventricles=1.12,
        tolerated=("R18",),
    ),
    Case(
        "motion_healthy",
        "A healthy brain of a restless patient: every series has ghosts and blur.",
        (),
        None,
        ghosting=0.16,
    ),
    Case(
        "old_infarct",
        "An old infarct of the left middle cerebral artery: a cavity in a gliotic rim.",
        ("old_infarct",),
        Priority.P4,
        ages=(52, 78),
        lesions=(
            LesionPlan(
                Region.FRONTAL,
                (-44, 8, 20),
                (15, 20, 18),
                Tissue.GLIOTIC,
                0.85,
                roughness=0.3,
                layers=(Layer(Tissue.CSF, 0.8, 0.95),),
            ),
        ),
        tolerated=("R16",),
    ),
    Case(
        "epi_artefact",
        "A healthy brain with strong echo-planar distortion: bright symmetric edges at temporal base and orbital roof.",
        (),
        Priority.P4,
        distortion=2.8,
    ),
    Case(
        "iron",
        "An old brain with much iron in pallida and dentate nuclei, dark on susceptibility-weighted images.",
        (),
        Priority.P4,
        ages=(60, 80),
        lesions=(
            LesionPlan(
                Region.PALLIDUM,
                _PALLIDA,
                (5, 9, 6),
                Tissue.IRON,
                0.9,
                Target.GREY,
                bilateral=True,
                jitter_mm=0.5,
            ),
            LesionPlan(
                Region.CEREBELLUM,
                _DENTATES,
                (6, 6, 4),
                Tissue.IRON,
                0.85,
                Target.GREY,
                bilateral=True,
                jitter_mm=0.5,
            ),
        ),
    ),
    Case(
        "calcification",
        "Symmetric calcification of the pallida, dark on susceptibility-weighted images.",
        (),
        Priority.P4,
        ages=(45, 78),
        lesions=(
            LesionPlan(
                Region.PALLIDUM,
                _PALLIDA,
                (3.5, 6, 4),
                Tissue.CALCIFIED,
                0.85,
                Target.GREY,
                bilateral=True,
                jitter_mm=1.0,
            ),
        ),
        tolerated=("R07",),
    ),
)
"""What must not raise an alarm."""
