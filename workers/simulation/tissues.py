"""Tissues of the head and what a scanner measures of them: proton density, relaxation times and diffusion.

Relaxation times at 1.5 T and 3 T lie in the ranges of Stanisz et al. (doi:10.1002/mrm.20605), Wansapura et al.
(doi:10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L) and Bojorquez et al. (doi:10.1016/j.mri.2016.08.021);
diffusion of healthy brain follows knowledge of clinical ADC maps (white 700-750, cortex 850-900, deep grey 750).
They are effective values: T2 is that of a turbo spin echo, where fat stays bright.
"""

from dataclasses import dataclass
from enum import IntEnum


class Tissue(IntEnum):
    """What a voxel can be made of. The value is the label in the head's map."""

    AIR = 0
    CSF = 1
    CORTEX = 2
    WHITE = 3
    LIMBIC = 4
    """Limbic cortex: a little longer T2 than other cortex in health."""
    STRIATUM = 5
    THALAMUS = 6
    PALLIDUM = 7
    """Pallidum, substantia nigra, red and dentate nuclei: rich in iron."""
    CHOROID = 8
    VEIN = 9
    BONE = 10
    MARROW = 11
    FAT = 12
    MUSCLE = 13
    SKIN = 14
    DURA = 15
    VITREOUS = 16
    MUCOSA = 17
    SINUS = 18
    """Large venous sinus: slow flow, fills with contrast agent."""
    ARTERY = 19
    """Large artery: flow void in spin echoes."""
    DIRTY_WHITE = 20
    """Caps, rims and age-related change: a little longer T2 than white matter."""
    VASOGENIC = 21
    CYTOTOXIC = 22
    DEMYELINATED = 23
    GLIOTIC = 24
    HAEMOSIDERIN = 25
    ENHANCING_PIA = 26
    """Inflamed leptomeninges: like fluid until contrast agent comes."""
    ENHANCING = 27
    """Tissue with a broken blood-brain barrier, moderately cellular."""
    ACUTE_BLOOD = 28
    """Clot of one to three days (deoxyhaemoglobin)."""
    SUBACUTE_BLOOD = 29
    """The clot's rim a few days on (intracellular methaemoglobin): bright without contrast agent on T1."""
    CALCIFIED = 30
    IRON = 31
    """Deep grey matter of the old: much iron."""
    BRIGHT_FLUID = 32
    """Sulcal fluid under high inspired oxygen or with a little contrast agent: FLAIR does not null it, and T1 gains nothing that is seen."""
    ENHANCING_OEDEMA = 33
    """Vasogenic oedema with a leaking barrier."""
    SHINING = 34
    """Old change with very long T2: bright on diffusion images although water moves freely."""


@dataclass(frozen=True, slots=True)
class Properties:
    """Physical properties of a tissue; pairs are (1.5 T, 3 T)."""

    pd: float
    """Proton density relative to water."""
    t1_ms: tuple[float, float]
    t2_ms: tuple[float, float]
    t2_star_ms: tuple[float, float]
    adc: float
    """Apparent diffusion coefficient, in 1e-6 mm2/s."""
    enhancement: float = 0.0
    """Added longitudinal relaxation rate after contrast agent, in 1/s."""


PROPERTIES: dict[Tissue, Properties] = {
    Tissue.AIR: Properties(0.0, (1000, 1000), (100, 100), (50, 50), 0),
    Tissue.CSF: Properties(1.0, (4200, 4300), (1800, 1500), (600, 400), 3000),
    Tissue.CORTEX: Properties(0.82, (1080, 1400), (92, 91), (75, 56), 870, 0.02),
    Tissue.WHITE: Properties(0.70, (650, 860), (77, 72), (64, 50), 730, 0.01),
    Tissue.LIMBIC: Properties(0.83, (1110, 1440), (99, 97), (75, 56), 900, 0.02),
    Tissue.STRIATUM: Properties(0.81, (1000, 1290), (86, 80), (60, 42), 760, 0.02),
    Tissue.THALAMUS: Properties(0.77, (900, 1150), (85, 80), (62, 46), 760, 0.02),
    Tissue.PALLIDUM: Properties(0.74, (800, 1000), (73, 67), (38, 24), 770, 0.02),
    Tissue.CHOROID: Properties(0.85, (1700, 1900), (120, 110), (60, 40), 1900, 2.2),
    Tissue.VEIN: Properties(0.80, (1400, 1700), (90, 60), (20, 8), 1200, 3.5),
    Tissue.BONE: Properties(0.08, (250, 300), (8, 8), (2, 2), 50),
    Tissue.MARROW: Properties(0.75, (330, 400), (75, 70), (12, 9), 120, 0.1),
    Tissue.FAT: Properties(0.90, (280, 370), (95, 90), (40, 30), 40),
    Tissue.MUSCLE: Properties(0.75, (950, 1350), (42, 38), (30, 24), 1400, 0.35),
    Tissue.SKIN: Properties(0.65, (700, 900), (45, 40), (20, 15), 900, 0.6),
    Tissue.DURA: Properties(0.55, (700, 900), (45, 40), (20, 15), 900, 1.6),
    Tissue.VITREOUS: Properties(1.0, (3800, 4100), (1500, 1200), (500, 300), 2900),
    Tissue.MUCOSA: Properties(0.90, (1100, 1400), (130, 120), (30, 20), 1500, 2.4),
    Tissue.SINUS: Properties(0.62, (1400, 1700), (50, 45), (35, 18), 1500, 6.0),
    Tissue.ARTERY: Properties(0.08, (1400, 1700), (150, 120), (90, 60), 2500, 4.0),
    Tissue.DIRTY_WHITE: Properties(0.76, (830, 1080), (95, 90), (72, 58), 850, 0.01),
    Tissue.VASOGENIC: Properties(0.88, (1250, 1550), (150, 140), (110, 85), 1350, 0.05),
    Tissue.CYTOTOXIC: Properties(0.84, (1150, 1450), (118, 112), (85, 65), 400, 0.02),
    Tissue.DEMYELINATED: Properties(0.86, (1150, 1450), (145, 135), (110, 85), 1150, 0.03),
    Tissue.GLIOTIC: Properties(0.83, (1050, 1300), (130, 120), (95, 75), 1050, 0.02),
    Tissue.HAEMOSIDERIN: Properties(0.70, (900, 1100), (50, 42), (7, 5), 700, 0.0),
    Tissue.ENHANCING_PIA: Properties(1.0, (3600, 3700), (1500, 1200), (500, 350), 2800, 5.0),
    Tissue.ENHANCING: Properties(0.85, (1200, 1500), (115, 108), (80, 60), 820, 3.0),
    Tissue.ACUTE_BLOOD: Properties(0.75, (1050, 1380), (42, 32), (8, 5), 600, 0.0),
    Tissue.SUBACUTE_BLOOD: Properties(0.80, (380, 450), (50, 40), (9, 6), 650, 0.0),
    Tissue.CALCIFIED: Properties(0.42, (750, 950), (60, 52), (9, 7), 700, 0.0),
    Tissue.IRON: Properties(0.74, (780, 960), (60, 50), (22, 13), 740, 0.02),
    Tissue.BRIGHT_FLUID: Properties(1.0, (2300, 2450), (1500, 1200), (500, 350), 2900, 0.05),
    Tissue.ENHANCING_OEDEMA: Properties(0.88, (1250, 1550), (150, 140), (110, 85), 1300, 1.2),
    Tissue.SHINING: Properties(0.92, (1250, 1550), (250, 235), (130, 95), 900, 0.02),
}
"""Every tissue has its row."""
