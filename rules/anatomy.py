"""Where a finding lies and which series it came from: regions, sides and series roles."""

from enum import StrEnum


class Confidence(StrEnum):
    """How sure the role of a series is."""

    HIGH = "high"
    """What the scanner wrote of the sequence suffices, and the name does not contradict it."""
    MEDIUM = "medium"
    """The name was needed beside the sequence, or contradicts it."""
    LOW = "low"
    """Nothing but a name."""
    NONE = "none"
    """No role is claimed, or the result is older than this grade."""


class Role(StrEnum):
    """What a series shows, by header evidence. UNKNOWN is better than wrong."""

    FLAIR = "FLAIR"
    T1 = "T1"
    T1C = "T1C"
    T2 = "T2"
    DWI = "DWI"
    """Diffusion-weighted trace images, b >= 500 s/mm2."""
    B0 = "B0"
    """Diffusion series without weighting."""
    ADC = "ADC"
    SWI = "SWI"
    PHASE = "PHASE"
    """Phase images of a susceptibility-weighted series."""
    LOCALIZER = "LOCALIZER"
    OTHER = "OTHER"
    """Recognised, and of no use here (for example a CT or a derived map)."""
    UNKNOWN = "UNKNOWN"


class Side(StrEnum):
    """The patient's own left and right."""

    __hash__ = str.__hash__
    """In C; that of Enum is Python, and a decision looks up a thousand subjects."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
    WHOLE = "whole"
    """Both sides together."""


class Region(StrEnum):
    """The regions of interest of the clinical knowledge base; lobes mean their cortex and subcortical white matter."""

    __hash__ = str.__hash__
    """In C; that of Enum is Python, and a decision looks up a thousand subjects."""

    BRAIN = "brain"
    FRONTAL = "frontal"
    PARIETAL = "parietal"
    TEMPORAL = "temporal"
    OCCIPITAL = "occipital"
    PARIETO_OCCIPITAL = "parieto_occipital"
    """Parietal and occipital together."""
    CINGULATE = "cingulate"
    INSULA = "insula"
    HIPPOCAMPUS = "hippocampus"
    THALAMUS = "thalamus"
    CAUDATE = "caudate"
    PUTAMEN = "putamen"
    PALLIDUM = "pallidum"
    CAPSULE = "external_capsule"
    """External/extreme capsule with claustrum: not separable on clinical slices."""
    SPLENIUM = "splenium"
    MIDBRAIN = "midbrain"
    PONS = "pons"
    MEDULLA = "medulla"
    BRAINSTEM = "brainstem"
    """Midbrain, pons and medulla together."""
    CEREBELLUM = "cerebellum"
    PERIVENTRICULAR = "periventricular"
    CENTRUM_SEMIOVALE = "centrum_semiovale"
    """Deep white matter beyond the periventricular rim: centrum semiovale and corona radiata."""
    VENTRICLES = "ventricles"
    TEMPORAL_POLE = "temporal_pole"
    """Amygdala and temporal pole."""
    PRECENTRAL = "precentral"
    """Precentral gyrus; a part of the frontal lobe."""
    WATERSHED = "watershed"
    """Border zones between the territories of the great cerebral arteries; parts of the lobes."""
    GENU = "genu"
    CALLOSAL_BODY = "callosal_body"
    """Body and isthmus of the corpus callosum."""
    PERIAQUEDUCTAL = "periaqueductal"
    """2-4 mm of tissue around the aqueduct; a part of the midbrain."""
    FOURTH_VENTRICLE_RIM = "fourth_ventricle_rim"
    """2-4 mm of tissue around the fourth ventricle; parts of pons, medulla and cerebellum."""
    SULCI = "sulci"
    """What lies within the skull above the lateral ventricles: the place of the supraventricular sulcal fluid."""
    CISTERNS = "cisterns"
    """Suprasellar, ambient and quadrigeminal cisterns."""
    CORD = "upper_cervical_cord"

    @property
    def words(self) -> str:
        """The region as a radiologist would write it."""
        return _WORDS.get(self, self.value)


_WORDS = {
    Region.PARIETO_OCCIPITAL: "parieto-occipital",
    Region.CAPSULE: "external/extreme capsule",
    Region.CENTRUM_SEMIOVALE: "centrum semiovale/corona radiata",
    Region.TEMPORAL_POLE: "amygdala/temporal pole",
    Region.PRECENTRAL: "precentral gyrus",
    Region.WATERSHED: "watershed bands",
    Region.GENU: "genu of the corpus callosum",
    Region.CALLOSAL_BODY: "body/isthmus of the corpus callosum",
    Region.FOURTH_VENTRICLE_RIM: "rim of the fourth ventricle",
    Region.SULCI: "sulci above the ventricles",
    Region.CORD: "upper cervical cord",
}

UNPAIRED = frozenset({Region.BRAIN, Region.SPLENIUM, Region.MIDBRAIN, Region.PONS, Region.MEDULLA, Region.BRAINSTEM,
                      Region.VENTRICLES, Region.GENU, Region.CALLOSAL_BODY, Region.PERIAQUEDUCTAL,
                      Region.FOURTH_VENTRICLE_RIM, Region.CISTERNS, Region.CORD})  # fmt: skip
"""Regions that have no left and right of their own."""


def sides(region: Region) -> tuple[Side, ...]:
    """The sides on which a region is reported; the last one is all of it.

    >>> sides(Region.PONS), sides(Region.BRAIN)
    ((<Side.MIDLINE: 'midline'>,), (<Side.WHOLE: 'whole'>,))
    """
    if region is Region.BRAIN:
        return (Side.WHOLE,)
    return (Side.MIDLINE,) if region in UNPAIRED else (Side.LEFT, Side.RIGHT, Side.WHOLE)
