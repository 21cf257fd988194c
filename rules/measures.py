"""The numbers by which the checks tell a lesion from none: a closed set, whose values stand in a policy's measurements.yaml.

A cut that decides what counts as disease, as too small, or as not assessable is policy. How a check computes (filters,
iterations, landmarks, models of healthy tissue, error estimates) is code (docs/adr/0006-measuring-cuts-are-policy.md).
"""

from enum import StrEnum


class Measure(StrEnum):
    """One number, as `check.what`; its unit stands in `MEASURE_UNITS`, and what it means beside its value in the policy."""

    __hash__ = str.__hash__

    FLAIR_GROW_RATIO = "flair.grow_ratio"
    FLAIR_GROW_Z = "flair.grow_z"
    FLAIR_SEED_RATIO = "flair.seed_ratio"
    FLAIR_SEED_Z = "flair.seed_z"
    FLAIR_MODEL_GROW_SHARE = "flair.model_grow_share"
    FLAIR_MODEL_GROW_RATIO = "flair.model_grow_ratio"
    FLAIR_MODEL_SEED_RATIO = "flair.model_seed_ratio"
    FLAIR_MODEL_EDGE_SHARE = "flair.model_edge_share"
    FLAIR_LEAST_CLUSTER = "flair.least_cluster"
    FLAIR_BROAD_RATIO = "flair.broad_ratio"
    FLAIR_BROAD_RATIO_BRAINSTEM = "flair.broad_ratio_brainstem"
    FLAIR_BROAD_LEAST = "flair.broad_least"
    FLAIR_BROAD_PROBABILITY = "flair.broad_probability"
    FLAIR_BRIGHT_SLAB = "flair.bright_slab"
    FLAIR_SIDE_FROM = "flair.side_from"
    FLAIR_FOCI_ENOUGH = "flair.foci_enough"
    FLAIR_WITNESSED_SHARE = "flair.witnessed_share"
    FLAIR_WITNESSED_RISE = "flair.witnessed_rise"
    FLAIR_WITNESSED_SLICES = "flair.witnessed_slices"
    FLAIR_BRIGHT_FLUID = "flair.bright_fluid"
    FLAIR_NORM_ADC = "flair.norm_adc"
    FLAIR_TOLD_FROM = "flair.told_from"
    T2_GROW_RATIO = "t2.grow_ratio"
    T2_SEED_RATIO = "t2.seed_ratio"
    T2_TOLD_FROM = "t2.told_from"
    T2_FLUID_SHARE = "t2.fluid_share"
    T2_FLUID_MARGIN = "t2.fluid_margin"

    RESTRICTION_GROW_Z = "restriction.grow_z"
    RESTRICTION_SEED_Z = "restriction.seed_z"
    RESTRICTION_ADC_WHITE = "restriction.adc_white"
    RESTRICTION_ADC_CORTEX = "restriction.adc_cortex"
    RESTRICTION_ADC_DEEP_GREY = "restriction.adc_deep_grey"
    RESTRICTION_ADC_SPLENIUM = "restriction.adc_splenium"
    RESTRICTION_ADC_HINDBRAIN = "restriction.adc_hindbrain"
    RESTRICTION_MIRROR_RATIO = "restriction.mirror_ratio"
    RESTRICTION_PARTIAL_ADC = "restriction.partial_adc"
    RESTRICTION_PARTIAL_Z = "restriction.partial_z"
    RESTRICTION_LEAST = "restriction.least"
    RESTRICTION_LEAST_SPLENIUM = "restriction.least_splenium"
    RESTRICTION_SIDE_FROM = "restriction.side_from"
    RESTRICTION_MAP_LOWEST = "restriction.map_lowest"
    RESTRICTION_MAP_HIGHEST = "restriction.map_highest"
    RESTRICTION_LESION_ADC_FROM = "restriction.lesion_adc_from"

    ARTEFACT_DEPTH = "epi_artefact.depth"
    ARTEFACT_AREA_SHARE = "epi_artefact.area_share"
    ARTEFACT_COUNTERPART_CONTRAST = "epi_artefact.counterpart_contrast"
    ARTEFACT_COUNTERPART_SHARE = "epi_artefact.counterpart_share"
    ARTEFACT_MIRRORED_SHARE = "epi_artefact.mirrored_share"
    ARTEFACT_LOW_SHARE = "epi_artefact.low_share"

    BLEED_ASPECT_NONE = "susceptibility.aspect_none"
    BLEED_ASPECT_SURE = "susceptibility.aspect_sure"
    BLEED_DIAMETER_NONE = "susceptibility.diameter_none"
    BLEED_DIAMETER_SURE = "susceptibility.diameter_sure"
    BLEED_LONGEST_NONE = "susceptibility.longest_none"
    BLEED_LONGEST_SURE = "susceptibility.longest_sure"
    BLEED_TISSUE_NONE = "susceptibility.tissue_none"
    BLEED_TISSUE_SURE = "susceptibility.tissue_sure"
    BLEED_LEAST_SCORE = "susceptibility.least_score"
    BLEED_LIME = "susceptibility.lime"
    HAEMORRHAGE_DARK = "susceptibility.haemorrhage_dark"
    HAEMORRHAGE_LONGER = "susceptibility.haemorrhage_longer"
    HAEMORRHAGE_LEAST_NEW = "susceptibility.haemorrhage_least_new"
    HAEMORRHAGE_LEAST_TISSUE = "susceptibility.haemorrhage_least_tissue"

    MENINGES_RATIO = "enhancement.meninges_ratio"
    MENINGES_LEAST_SHARE = "enhancement.meninges_least_share"
    MENINGES_LEAST = "enhancement.meninges_least"
    MENINGES_SLICES = "enhancement.meninges_slices"
    MENINGES_DEEP = "enhancement.meninges_deep"
    MENINGES_DEEP_SHARE = "enhancement.meninges_deep_share"
    MENINGES_HEIGHT = "enhancement.meninges_height"
    ENHANCING_SEED_RATIO = "enhancement.tissue_seed_ratio"
    ENHANCING_GROW_RATIO = "enhancement.tissue_grow_ratio"
    ENHANCING_LEAST = "enhancement.tissue_least"
    ENHANCING_WIDTH = "enhancement.tissue_width"
    ENHANCING_LESION_FROM = "enhancement.lesion_from"

    FLUID_LEAST_COVER = "oedema.least_cover"
    FLUID_RATIO_FROM = "oedema.ratio_from"
    FLUID_CHANGE_FROM = "oedema.change_from"
    TONSIL_SECTION = "oedema.tonsil_section"

    CHANGE_CLEAR_Z = "change.clear_z"
    CHANGE_LEAST_DIFFERENCE = "change.least_difference"
    CHANGE_LEAST_CLUSTER = "change.least_cluster"
    CHANGE_PERCENT_FROM = "change.percent_from"
    CHANGE_LARGER_SHARE = "change.larger_share"
    CHANGE_LARGER_FROM = "change.larger_from"
    CHANGE_LARGER_DIAMETER = "change.larger_diameter"

    CORD_HELD = "cord.held"
    CORD_LEAST_LENGTH = "cord.least_length"

    REGION_LEAST_COVER = "quality.region_least_cover"
    QUALITY_LEAST_COVER = "quality.least_cover"
    QUALITY_WANTED_COVER = "quality.wanted_cover"
    QUALITY_LEAST_SIGNAL = "quality.least_signal_to_noise"
    QUALITY_WANTED_SIGNAL = "quality.wanted_signal_to_noise"
    QUALITY_GHOSTS = "quality.ghosts"
    QUALITY_MOST_SPOILED = "quality.most_spoiled"
    QUALITY_THICK = "quality.thick_slices"
    QUALITY_DARK_SHARE = "quality.dark_share"

    @property
    def check(self) -> str:
        """Whose number it is."""
        return self.partition(".")[0]


_M = Measure
_OF_UNIT: dict[str, tuple[Measure, ...]] = {
    "10*-6.mm2/s": (
        _M.FLAIR_NORM_ADC, _M.RESTRICTION_ADC_WHITE, _M.RESTRICTION_ADC_CORTEX, _M.RESTRICTION_ADC_DEEP_GREY,
        _M.RESTRICTION_ADC_SPLENIUM, _M.RESTRICTION_ADC_HINDBRAIN, _M.RESTRICTION_PARTIAL_ADC,
        _M.RESTRICTION_MAP_LOWEST, _M.RESTRICTION_MAP_HIGHEST,
    ),
    "mL": (
        _M.FLAIR_SIDE_FROM, _M.FLAIR_TOLD_FROM, _M.T2_TOLD_FROM, _M.RESTRICTION_LEAST, _M.RESTRICTION_LEAST_SPLENIUM, _M.RESTRICTION_SIDE_FROM,
        _M.RESTRICTION_LESION_ADC_FROM, _M.MENINGES_LEAST, _M.ENHANCING_LEAST, _M.ENHANCING_LESION_FROM,
        _M.HAEMORRHAGE_LEAST_NEW, _M.FLUID_RATIO_FROM, _M.FLUID_CHANGE_FROM, _M.CHANGE_PERCENT_FROM,
        _M.CHANGE_LARGER_FROM,
    ),
    "mm3": (_M.FLAIR_LEAST_CLUSTER, _M.FLAIR_BROAD_LEAST, _M.CHANGE_LEAST_CLUSTER),
    "mm": (
        _M.T2_FLUID_MARGIN, _M.ARTEFACT_DEPTH, _M.BLEED_DIAMETER_NONE, _M.BLEED_DIAMETER_SURE, _M.BLEED_LONGEST_NONE,
        _M.BLEED_LONGEST_SURE, _M.HAEMORRHAGE_LONGER, _M.MENINGES_HEIGHT, _M.MENINGES_DEEP, _M.ENHANCING_WIDTH,
        _M.TONSIL_SECTION, _M.CORD_HELD, _M.CORD_LEAST_LENGTH, _M.QUALITY_THICK, _M.FLAIR_WITNESSED_SLICES,
    ),
}  # fmt: skip
MEASURE_UNITS: dict[Measure, str] = {
    **dict.fromkeys(Measure, "1"),
    **{measure: unit for unit, several in _OF_UNIT.items() for measure in several},
}
"""UCUM units; ratios, shares, z and numbers of things have `1`."""

LOWERED_FINDS_LESS = frozenset({
    _M.FLAIR_BRIGHT_SLAB, _M.FLAIR_BRIGHT_FLUID, _M.FLAIR_NORM_ADC, _M.FLAIR_WITNESSED_SLICES, _M.T2_FLUID_SHARE, _M.RESTRICTION_ADC_WHITE,
    _M.RESTRICTION_ADC_CORTEX, _M.RESTRICTION_ADC_DEEP_GREY,
    _M.RESTRICTION_ADC_SPLENIUM, _M.RESTRICTION_ADC_HINDBRAIN, _M.RESTRICTION_MIRROR_RATIO,
    _M.RESTRICTION_PARTIAL_ADC, _M.RESTRICTION_MAP_HIGHEST, _M.ARTEFACT_AREA_SHARE, _M.ARTEFACT_MIRRORED_SHARE,
    _M.BLEED_ASPECT_NONE, _M.BLEED_ASPECT_SURE, _M.BLEED_LONGEST_NONE, _M.BLEED_LONGEST_SURE,
    _M.HAEMORRHAGE_DARK, _M.TONSIL_SECTION,
})  # fmt: skip
"""Numbers up to which something counts; of the others a higher one finds less."""


def may_find_less(measure: Measure, before: float, after: float) -> bool:
    """Whether a check may find or assess less with another number. What judges the quality of a series may, either way."""
    if measure.check == "quality":
        return before != after
    return after < before if measure in LOWERED_FINDS_LESS else after > before
