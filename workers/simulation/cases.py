"""The cases that can be simulated, as data; positions are ICBM152 mm (x right, y front, z up)."""

from rules.anatomy import Region, Role
from rules.urgency import Priority
from workers.simulation.case import Body, Case
from workers.simulation.lesions import FociPlan, LesionPlan, Target
from workers.simulation.space import Ellipsoid
from workers.simulation.tissues import Tissue

_GYRAL = Target.CORTEX_AND_SUBCORTEX
_OEDEMA = Tissue.VASOGENIC

_PRES = (
    LesionPlan(
        Region.OCCIPITAL, (22, -84, 8), (15, 16, 16), _OEDEMA, 0.62, _GYRAL, bilateral=True, other_side=0.75
    ),
    LesionPlan(
        Region.PARIETAL, (26, -62, 42), (15, 17, 16), _OEDEMA, 0.58, _GYRAL, bilateral=True, other_side=0.8
    ),
    LesionPlan(
        Region.FRONTAL, (24, 20, 50), (8, 15, 9), _OEDEMA, 0.48, _GYRAL, bilateral=True, other_side=0.7
    ),
)

_WHITE_MATTER = Ellipsoid((0, -15, 30), (48, 62, 26))

_DEEP_GREY_BRAINSTEM = (
    LesionPlan(
        Region.THALAMUS,
        (11, -18, 7),
        (11, 15, 10),
        _OEDEMA,
        0.5,
        bilateral=True,
        roughness=0.2,
        jitter_mm=1.0,
    ),
    LesionPlan(Region.PONS, (0, -26, -34), (13, 9, 12), _OEDEMA, 0.45, roughness=0.25, jitter_mm=1.0),
    LesionPlan(Region.MIDBRAIN, (0, -26, -12), (13, 8, 7), _OEDEMA, 0.5, roughness=0.25, jitter_mm=1.0),
    LesionPlan(
        Region.CAPSULE,
        (33, 0, 2),
        (3.5, 20, 13),
        _OEDEMA,
        0.48,
        bilateral=True,
        roughness=0.15,
        jitter_mm=1.0,
    ),
)

_LIMBIC = (
    LesionPlan(
        Region.HIPPOCAMPUS,
        (27, -20, -17),
        (8, 20, 7),
        _OEDEMA,
        0.6,
        Target.GREY,
        bilateral=True,
        jitter_mm=1.0,
    ),
    LesionPlan(
        Region.TEMPORAL, (25, -3, -22), (9, 9, 9), _OEDEMA, 0.6, Target.GREY, bilateral=True, jitter_mm=1.0
    ),
    LesionPlan(
        Region.INSULA, (38, 4, 0), (6, 19, 13), _OEDEMA, 0.5, Target.GREY, bilateral=True, jitter_mm=1.0
    ),
    LesionPlan(
        Region.CINGULATE, (6, 22, 28), (7, 20, 10), _OEDEMA, 0.45, Target.GREY, bilateral=True, jitter_mm=1.0
    ),
)

CASES: tuple[Case, ...] = (
    Case("healthy", "A healthy brain; caps and rims as the age allows."),
    Case(
        "pres",
        "Vasogenic oedema of parietal, occipital and superior frontal cortex and subcortex, both sides, diffusion free.",
        ("pres",),
        Priority.P2,
        lesions=_PRES,
    ),
    Case(
        "pres_asymmetric",
        "Parieto-occipital vasogenic oedema, much larger on the right.",
        ("pres",),
        Priority.P2,
        lesions=(
            LesionPlan(
                Region.OCCIPITAL,
                (24, -82, 8),
                (19, 20, 18),
                _OEDEMA,
                0.8,
                _GYRAL,
                bilateral=True,
                other_side=0.3,
            ),
            LesionPlan(
                Region.PARIETAL,
                (28, -60, 42),
                (18, 20, 17),
                _OEDEMA,
                0.7,
                _GYRAL,
                bilateral=True,
                other_side=0.3,
            ),
        ),
    ),
    Case(
        "small_vessel_disease",
        "Caps, rims and scattered deep white-matter foci of chronic small-vessel disease, about 70 years old.",
        ("small_vessel_disease",),
        ages=(66, 78),
        lesions=(
            FociPlan(Region.CENTRUM_SEMIOVALE, _WHITE_MATTER, (20, 34), (2.0, 4.8), Tissue.GLIOTIC, 0.85),
            LesionPlan(
                Region.PERIVENTRICULAR,
                (20, 27, 14),
                (8, 9, 11),
                Tissue.GLIOTIC,
                0.6,
                Target.WHITE,
                bilateral=True,
            ),
            LesionPlan(
                Region.PERIVENTRICULAR,
                (27, -50, 22),
                (9, 13, 11),
                Tissue.GLIOTIC,
                0.6,
                Target.WHITE,
                bilateral=True,
            ),
        ),
    ),
    Case(
        "ms_like",
        "Ovoid periventricular and juxtacortical demyelinating lesions.",
        ("demyelination",),
        ages=(22, 45),
        lesions=(
            FociPlan(
                Region.PERIVENTRICULAR,
                Ellipsoid((0, -18, 20), (32, 50, 14)),
                (11, 19),
                (2.8, 5.5),
                Tissue.DEMYELINATED,
                1.0,
                elongation=1.7,
            ),
            FociPlan(
                Region.CENTRUM_SEMIOVALE,
                Ellipsoid((0, -15, 36), (52, 64, 22)),
                (4, 9),
                (2.6, 4.6),
                Tissue.DEMYELINATED,
                1.0,
            ),
        ),
    ),
    Case(
        "deep_grey_brainstem",
        "Symmetric thalamic, pontine, midbrain and external-capsule oedema (central-variant PRES or ANE-like).",
        ("deep_grey_brainstem",),
        Priority.P1,
        lesions=_DEEP_GREY_BRAINSTEM,
    ),
    Case(
        "limbic",
        "Hyperintense hippocampi, medial temporal lobes, insulae and cingulate gyri, both sides.",
        ("limbic",),
        Priority.P2,
        lesions=_LIMBIC,
    ),
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
                Tissue.CYTOTOXIC,
                0.85,
                Target.WHITE,
                roughness=0.15,
                jitter_mm=1.0,
            ),
        ),
    ),
    Case(
        "microbleeds",
        "Many punctate microhaemorrhages, visible on the susceptibility-weighted series.",
        ("microhaemorrhages",),
        Priority.P3,
        lesions=(
            FociPlan(
                Region.BRAIN,
                Ellipsoid((0, -18, 14), (58, 74, 42)),
                (10, 22),
                (1.5, 3.2),
                Tissue.HAEMOSIDERIN,
                0.95,
                Target.ANY,
            ),
            FociPlan(
                Region.PONS,
                Ellipsoid((0, -27, -32), (11, 8, 12)),
                (1, 3),
                (1.5, 2.8),
                Tissue.HAEMOSIDERIN,
                0.95,
                Target.ANY,
            ),
        ),
    ),
    Case(
        "oedema",
        "Diffuse cerebral oedema: tight sulci and ventricles, swollen white matter.",
        ("diffuse_oedema",),
        Priority.P1,
        lesions=(
            LesionPlan(
                Region.CENTRUM_SEMIOVALE,
                (26, -18, 28),
                (22, 58, 30),
                _OEDEMA,
                0.45,
                Target.WHITE,
                bilateral=True,
                roughness=0.2,
            ),
        ),
        csf_gain=0.3,
        ventricles=0.7,
    ),
    Case(
        "stroke",
        "Restricted diffusion in the territory of the left middle cerebral artery.",
        ("territorial_infarct",),
        Priority.P1,
        lesions=(
            LesionPlan(Region.INSULA, (-40, 0, 4), (13, 22, 16), Tissue.CYTOTOXIC, 0.85, roughness=0.25),
            LesionPlan(Region.FRONTAL, (-46, 8, 24), (14, 18, 16), Tissue.CYTOTOXIC, 0.85, roughness=0.3),
        ),
    ),
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
        lesions=_PRES,
        ghosting=0.16,
    ),
)
"""In the order of `cartriage simulate --list`."""


def cases() -> tuple[Case, ...]:
    """All cases."""
    return CASES


def case_named(name: str) -> Case:
    """The case of that name; raises KeyError."""
    return {case.name: case for case in CASES}[name]
