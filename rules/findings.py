"""What the checks measured: one quantity in one region on one side, or why it could not be measured."""

from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Region, Side


class Unit(StrEnum):
    """Units of findings; the values are UCUM codes."""

    MILLILITRE = "mL"
    PERCENT = "%"
    ONE = "1"
    MILLIMETRE = "mm"
    ADC = "10*-6.mm2/s"
    COUNT = "{lesions}"


class Quantity(StrEnum):
    """What can be measured. The unit of each stands in `UNITS`."""

    __hash__ = str.__hash__
    """In C; that of Enum is Python, and a decision looks up a thousand subjects."""

    FLAIR_VOLUME = "flair_volume"
    """Volume of FLAIR hyperintensity in the region; larger is worse."""
    FLAIR_FRACTION = "flair_fraction"
    """Share of the region that is FLAIR-hyperintense; larger is worse."""
    FLAIR_RATIO = "flair_ratio"
    """Mean signal of the hyperintense voxels over that of lesion-free tissue of the same class; larger is worse."""
    FLAIR_Z = "flair_z"
    """Mean robust z of the hyperintense voxels against lesion-free tissue of the same class; larger is worse."""
    FLAIR_LATERALITY = "flair_laterality"
    """(left - right) / (left + right) of FLAIR_VOLUME; 0 is symmetric, +1 all left, -1 all right."""
    FLAIR_CORTICAL_SHARE = "flair_cortical_share"
    """Share of all FLAIR hyperintensity that lies in cortex and subcortical white matter."""
    FLAIR_CALLOSAL_SHARE = "flair_callosal_share"
    """Share of the deep white matter's FLAIR hyperintensity that lies in body and isthmus of the corpus callosum; larger is worse."""
    FLAIR_FOCI = "flair_foci"
    """Number of separate FLAIR hyperintensities whose centre lies in the region; larger is worse."""

    RESTRICTED_VOLUME = "restricted_volume"
    """Volume of restricted diffusion (bright on DWI and low ADC) in the region; larger is worse."""
    RESTRICTED_NEW_VOLUME = "restricted_new_volume"
    """Volume of restricted diffusion that the earlier study does not have; larger is worse."""
    RESTRICTED_GONE_VOLUME = "restricted_gone_volume"
    """Volume of the earlier study's restricted diffusion that is no longer there."""
    RESTRICTED_CHANGE = "restricted_change"
    """Change of RESTRICTED_VOLUME against the earlier study; larger is worse."""
    RESTRICTED_ADC = "restricted_adc"
    """Mean ADC of the restricted voxels of the region; smaller is worse."""
    RESTRICTED_FOCI = "restricted_foci"
    """Number of separate areas of restricted diffusion whose centre lies in the region; larger is worse."""
    RESTRICTED_LARGEST = "restricted_largest"
    """Volume of the largest connected area of restricted diffusion; larger is worse."""
    RESTRICTED_LATERALITY = "restricted_laterality"
    """(left - right) / (left + right) of RESTRICTED_VOLUME."""
    SHINE_THROUGH_VOLUME = "shine_through_volume"
    """Volume that is bright on DWI although its ADC is not low: T2 shine-through."""
    EPI_ARTEFACT_VOLUME = "epi_artefact_volume"
    """Volume that is bright on DWI beside air and was left out as echo-planar artefact; counted in no other quantity."""
    LESION_ADC = "lesion_adc"
    """Mean ADC of the FLAIR-hyperintense voxels of the region; low is cytotoxic, high vasogenic."""
    ADC_MEDIAN = "adc_median"
    """Median ADC of the region's brain tissue."""

    MICROBLEED_COUNT = "microbleed_count"
    """Number of microbleed-like foci (round, dark on SWI or T2*, 2-10 mm) in the region; larger is worse."""
    MICROBLEED_NEW_COUNT = "microbleed_new_count"
    """Number of microbleed-like foci at whose place the earlier study has nothing that could be one; larger is worse."""
    MICROBLEED_NOT_BEFORE_COUNT = "microbleed_not_before_count"
    """Number of microbleed-like foci that were not counted on the earlier study: the new ones, and those that may be new; larger is worse."""
    MICROBLEED_GONE_COUNT = "microbleed_gone_count"
    """Number of the earlier study's microbleed-like foci of which nothing is left."""
    CALCIFIED_COUNT = "calcified_count"
    """Number of foci that look like microbleeds and whose phase is that of lime; counted in no other quantity."""
    HAEMORRHAGE_DIAMETER = "haemorrhage_diameter"
    """Longest diameter of the largest susceptibility focus of more than 10 mm, 0 if there is none; larger is worse."""
    HAEMORRHAGE_VOLUME = "haemorrhage_volume"
    """Volume of susceptibility foci of more than 10 mm; larger is worse."""
    HAEMORRHAGE_NEW_VOLUME = "haemorrhage_new_volume"
    """Volume of susceptibility foci of more than 10 mm that the earlier study does not have; larger is worse."""
    HAEMORRHAGE_GONE_VOLUME = "haemorrhage_gone_volume"
    """Volume of the earlier study's susceptibility foci of more than 10 mm that is no longer there."""
    HAEMORRHAGE_CHANGE = "haemorrhage_change"
    """Change of HAEMORRHAGE_VOLUME against the earlier study; larger is worse."""

    SULCAL_ENHANCEMENT_VOLUME = "sulcal_enhancement_volume"
    """Volume of leptomeningeal enhancement (post over pre T1) in the region's sulcal shell; larger is worse."""
    SULCAL_ENHANCEMENT_RATIO = "sulcal_enhancement_ratio"
    """Mean post over pre T1 signal of the enhancing shell; larger is worse."""
    SULCAL_ENHANCEMENT_HEIGHT = "sulcal_enhancement_height"
    """Height of the tallest run of adjoining slices with leptomeningeal enhancement; larger is worse."""
    LESION_ENHANCEMENT = "lesion_enhancement"
    """Median post over pre T1 signal of the FLAIR-hyperintense voxels; below 1.10 is no enhancement."""
    ENHANCING_VOLUME = "enhancing_volume"
    """Volume of parenchymal enhancement in the region; larger is worse."""
    ENHANCEMENT_NEW_VOLUME = "enhancement_new_volume"
    """Volume of enhancement, of meninges or brain, that the earlier study does not have; larger is worse."""
    ENHANCEMENT_GONE_VOLUME = "enhancement_gone_volume"
    """Volume of the earlier study's enhancement that is no longer there."""
    ENHANCEMENT_CHANGE = "enhancement_change"
    """Change of the volume of enhancement against the earlier study; larger is worse."""

    CSF_VOLUME = "csf_volume"
    """Cerebrospinal fluid in the region (sulci above the ventricles, cisterns, ventricles); smaller is worse."""
    CSF_CHANGE = "csf_change"
    """Change of CSF_VOLUME against the baseline study; more negative is worse."""
    CSF_RATIO = "csf_ratio"
    """Smaller over larger hemispheric sulcal fluid; smaller is worse."""
    MIDLINE_SHIFT = "midline_shift"
    """Displacement of the septum pellucidum from the midline; larger is worse."""
    TONSIL_DESCENT = "tonsil_descent"
    """How far the cerebellar tonsils reach below the foramen magnum; larger is worse."""

    WHITE_GREY_RATIO = "white_grey_ratio"
    """Median T2 signal of the region's white matter over that of cortex; larger is worse."""

    CORD_RATIO = "cord_ratio"
    """Largest cord signal over that of the cord's usual level, on at least two slices; larger is worse."""
    CORD_LENGTH = "cord_length"
    """Length of cord below the foramen magnum that lies in the field of view."""

    FLAIR_NEW_VOLUME = "flair_new_volume"
    """Volume of FLAIR hyperintensity that the earlier study does not have; larger is worse."""
    FLAIR_GONE_VOLUME = "flair_gone_volume"
    """Volume of the earlier study's FLAIR hyperintensity that is no longer there."""
    FLAIR_CHANGE = "flair_change"
    """Change of FLAIR_VOLUME against the earlier study; larger is worse."""

    FLAIR_RESULT_DIFFERENCE = "flair_result_difference"
    """FLAIR_VOLUME less that of the patient's last result; larger is worse. Follows from two findings: no check makes it."""
    FLAIR_RESULT_CHANGE = "flair_result_change"
    """The same in per cent of the last result, where that was 1 mL or more; larger is worse."""


UNITS: dict[Quantity, Unit] = {
    Quantity.FLAIR_VOLUME: Unit.MILLILITRE,
    Quantity.FLAIR_FRACTION: Unit.PERCENT,
    Quantity.FLAIR_RATIO: Unit.ONE,
    Quantity.FLAIR_Z: Unit.ONE,
    Quantity.FLAIR_LATERALITY: Unit.ONE,
    Quantity.FLAIR_CORTICAL_SHARE: Unit.PERCENT,
    Quantity.FLAIR_CALLOSAL_SHARE: Unit.PERCENT,
    Quantity.FLAIR_FOCI: Unit.COUNT,
    Quantity.RESTRICTED_VOLUME: Unit.MILLILITRE,
    Quantity.RESTRICTED_NEW_VOLUME: Unit.MILLILITRE,
    Quantity.RESTRICTED_GONE_VOLUME: Unit.MILLILITRE,
    Quantity.RESTRICTED_CHANGE: Unit.PERCENT,
    Quantity.RESTRICTED_ADC: Unit.ADC,
    Quantity.RESTRICTED_FOCI: Unit.COUNT,
    Quantity.RESTRICTED_LARGEST: Unit.MILLILITRE,
    Quantity.RESTRICTED_LATERALITY: Unit.ONE,
    Quantity.SHINE_THROUGH_VOLUME: Unit.MILLILITRE,
    Quantity.EPI_ARTEFACT_VOLUME: Unit.MILLILITRE,
    Quantity.LESION_ADC: Unit.ADC,
    Quantity.ADC_MEDIAN: Unit.ADC,
    Quantity.MICROBLEED_COUNT: Unit.COUNT,
    Quantity.MICROBLEED_NEW_COUNT: Unit.COUNT,
    Quantity.MICROBLEED_NOT_BEFORE_COUNT: Unit.COUNT,
    Quantity.MICROBLEED_GONE_COUNT: Unit.COUNT,
    Quantity.CALCIFIED_COUNT: Unit.COUNT,
    Quantity.HAEMORRHAGE_DIAMETER: Unit.MILLIMETRE,
    Quantity.HAEMORRHAGE_VOLUME: Unit.MILLILITRE,
    Quantity.HAEMORRHAGE_NEW_VOLUME: Unit.MILLILITRE,
    Quantity.HAEMORRHAGE_GONE_VOLUME: Unit.MILLILITRE,
    Quantity.HAEMORRHAGE_CHANGE: Unit.PERCENT,
    Quantity.SULCAL_ENHANCEMENT_VOLUME: Unit.MILLILITRE,
    Quantity.SULCAL_ENHANCEMENT_RATIO: Unit.ONE,
    Quantity.SULCAL_ENHANCEMENT_HEIGHT: Unit.MILLIMETRE,
    Quantity.LESION_ENHANCEMENT: Unit.ONE,
    Quantity.ENHANCING_VOLUME: Unit.MILLILITRE,
    Quantity.ENHANCEMENT_NEW_VOLUME: Unit.MILLILITRE,
    Quantity.ENHANCEMENT_GONE_VOLUME: Unit.MILLILITRE,
    Quantity.ENHANCEMENT_CHANGE: Unit.PERCENT,
    Quantity.CSF_VOLUME: Unit.MILLILITRE,
    Quantity.CSF_CHANGE: Unit.PERCENT,
    Quantity.CSF_RATIO: Unit.ONE,
    Quantity.MIDLINE_SHIFT: Unit.MILLIMETRE,
    Quantity.TONSIL_DESCENT: Unit.MILLIMETRE,
    Quantity.WHITE_GREY_RATIO: Unit.ONE,
    Quantity.CORD_RATIO: Unit.ONE,
    Quantity.CORD_LENGTH: Unit.MILLIMETRE,
    Quantity.FLAIR_NEW_VOLUME: Unit.MILLILITRE,
    Quantity.FLAIR_GONE_VOLUME: Unit.MILLILITRE,
    Quantity.FLAIR_CHANGE: Unit.PERCENT,
    Quantity.FLAIR_RESULT_DIFFERENCE: Unit.MILLILITRE,
    Quantity.FLAIR_RESULT_CHANGE: Unit.PERCENT,
}
"""The one unit of each quantity; a policy that names another is refused on load."""


class Why(StrEnum):
    """Why something could not be assessed. The value is stable; the words are for people."""

    SERIES_MISSING = "series_missing"
    SERIES_UNREADABLE = "series_unreadable"
    GEOMETRY = "geometry"
    COVERAGE = "coverage"
    QUALITY = "quality"
    ANATOMY = "anatomy_failed"
    CRASH = "analysis_failed"
    TIMEOUT = "analysis_timed_out"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a finding was seen."""

    check: str
    """Name and version of the check, as in `flair_hyperintensity 1`."""
    series_instance_uid: str
    sop_instance_uids: tuple[str, ...] = ()
    """Key slices, most involved first, at most three."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its unit."""

    quantity: Quantity
    region: Region
    side: Side
    value: float
    unit: Unit
    evidence: Evidence
    uncertainty: float | None = None
    """Half width of a 95 % interval in the same unit, where the check can tell."""


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A quantity that could not be measured, and why. Never reads as negative."""

    quantity: Quantity
    region: Region
    side: Side
    why: Why
    detail: str
    """One clause for people, without identifiers, as in `no FLAIR series`."""


Finding = Measured | NotAssessed


class Course(StrEnum):
    """An area against the earlier study (sign M5)."""

    NEW = "new"
    LARGER = "larger"
    """By the policy's cuts of `change`: clearly more in volume, or in diameter."""
    SAME = "same"
    SMALLER = "smaller"
    """As larger."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Lesion:
    """One connected area that a check found."""

    check: str
    """Name of the check, as in `flair_hyperintensity`."""
    region: Region
    """The region that holds most of it."""
    side: Side
    volume_ml: float
    centre_mm: tuple[float, float, float]
    """Centre of mass in the patient coordinates of its series (LPS)."""
    longest_mm: float
    series_instance_uid: str
    sop_instance_uids: tuple[str, ...] = ()
    """The slice that shows most of it, first."""
    values: tuple[tuple[Quantity, float], ...] = ()
    """Means over the lesion, as (quantity, value) in the quantity's unit."""
    course: Course | None = None
    """Of an area that a check of change found; None where the two studies do not agree on what it is."""
