"""Where a finding lies and which series it came from: regions, sides and series roles."""

from enum import StrEnum


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
    LOCALIZER = "LOCALIZER"
    OTHER = "OTHER"
    """Recognised, and of no use here (for example a CT or a derived map)."""
    UNKNOWN = "UNKNOWN"


class Side(StrEnum):
    """The patient's own left and right."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
    WHOLE = "whole"
    """Both sides together."""


class Region(StrEnum):
    """The regions of interest of the clinical knowledge base; lobes mean their cortex and subcortical white matter."""

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

    @property
    def words(self) -> str:
        """The region as a radiologist would write it."""
        return _WORDS.get(self, self.value)


_WORDS = {
    Region.PARIETO_OCCIPITAL: "parieto-occipital",
    Region.CAPSULE: "external/extreme capsule",
    Region.CENTRUM_SEMIOVALE: "centrum semiovale/corona radiata",
}
