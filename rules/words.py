"""The words for quantities, regions, units and answers; the same in SR, SC, worklist and audit."""

from functools import cache

from rules.anatomy import Region, Side
from rules.findings import Course, Quantity
from rules.logic import Answer

COMPARISON = "comparison with an earlier study"
"""Family of what two studies are needed for."""
_QUANTITIES = {
    Quantity.FLAIR_VOLUME: "FLAIR hyperintensity volume",
    Quantity.FLAIR_FRACTION: "FLAIR hyperintense share of the region",
    Quantity.FLAIR_RATIO: "FLAIR signal ratio",
    Quantity.FLAIR_Z: "FLAIR z-score",
    Quantity.FLAIR_LATERALITY: "FLAIR laterality index",
    Quantity.FLAIR_CORTICAL_SHARE: "cortical/subcortical share of FLAIR hyperintensity",
    Quantity.FLAIR_CALLOSAL_SHARE: "share of the deep white matter's FLAIR hyperintensity",
    Quantity.FLAIR_FOCI: "number of FLAIR hyperintensities",
    Quantity.RESTRICTED_VOLUME: "restricted diffusion volume",
    Quantity.RESTRICTED_NEW_VOLUME: "new restricted diffusion volume",
    Quantity.RESTRICTED_GONE_VOLUME: "resolved restricted diffusion volume",
    Quantity.RESTRICTED_CHANGE: "change of restricted diffusion volume",
    Quantity.RESTRICTED_ADC: "mean ADC of restricted diffusion",
    Quantity.RESTRICTED_FOCI: "number of areas of restricted diffusion",
    Quantity.RESTRICTED_LARGEST: "largest area of restricted diffusion",
    Quantity.RESTRICTED_LATERALITY: "laterality index of restricted diffusion",
    Quantity.SHINE_THROUGH_VOLUME: "volume bright on DWI without low ADC",
    Quantity.EPI_ARTEFACT_VOLUME: "volume left out as EPI artefact",
    Quantity.LESION_ADC: "mean ADC of FLAIR hyperintensity",
    Quantity.ADC_MEDIAN: "median ADC",
    Quantity.MICROBLEED_COUNT: "number of microbleed-like foci",
    Quantity.MICROBLEED_NEW_COUNT: "number of new microbleed-like foci",
    Quantity.MICROBLEED_NOT_BEFORE_COUNT: "number of microbleed-like foci not known from the earlier study",
    Quantity.MICROBLEED_GONE_COUNT: "number of microbleed-like foci that are gone",
    Quantity.CALCIFIED_COUNT: "number of foci left out as calcification",
    Quantity.HAEMORRHAGE_DIAMETER: "diameter of the largest susceptibility focus over 10 mm",
    Quantity.HAEMORRHAGE_VOLUME: "volume of susceptibility foci over 10 mm",
    Quantity.HAEMORRHAGE_NEW_VOLUME: "new volume of susceptibility foci over 10 mm",
    Quantity.HAEMORRHAGE_GONE_VOLUME: "resolved volume of susceptibility foci over 10 mm",
    Quantity.HAEMORRHAGE_CHANGE: "change of the volume of susceptibility foci over 10 mm",
    Quantity.SULCAL_ENHANCEMENT_VOLUME: "leptomeningeal enhancement volume",
    Quantity.SULCAL_ENHANCEMENT_RATIO: "leptomeningeal post/pre ratio",
    Quantity.SULCAL_ENHANCEMENT_HEIGHT: "height of leptomeningeal enhancement",
    Quantity.LESION_ENHANCEMENT: "post/pre ratio of FLAIR hyperintensity",
    Quantity.ENHANCING_VOLUME: "parenchymal enhancement volume",
    Quantity.ENHANCEMENT_NEW_VOLUME: "new enhancement volume",
    Quantity.ENHANCEMENT_GONE_VOLUME: "resolved enhancement volume",
    Quantity.ENHANCEMENT_CHANGE: "change of enhancement volume",
    Quantity.CSF_VOLUME: "cerebrospinal fluid volume",
    Quantity.CSF_CHANGE: "change of cerebrospinal fluid volume",
    Quantity.CSF_RATIO: "ratio of hemispheric sulcal fluid",
    Quantity.MIDLINE_SHIFT: "midline shift",
    Quantity.TONSIL_DESCENT: "tonsils below the foramen magnum",
    Quantity.WHITE_GREY_RATIO: "T2 signal of white matter over cortex",
    Quantity.CORD_RATIO: "cord signal ratio",
    Quantity.CORD_LENGTH: "length of cord in the field of view",
    Quantity.FLAIR_NEW_VOLUME: "new FLAIR hyperintensity volume",
    Quantity.FLAIR_GONE_VOLUME: "resolved FLAIR hyperintensity volume",
    Quantity.FLAIR_CHANGE: "change of FLAIR hyperintensity volume",
    Quantity.FLAIR_RESULT_DIFFERENCE: "difference of FLAIR hyperintensity volume to the last result",
    Quantity.FLAIR_RESULT_CHANGE: "change of FLAIR hyperintensity volume against the last result",
}
_FAMILIES = {
    "flair": "FLAIR hyperintensity",
    "restricted": "diffusion restriction",
    "shine": "diffusion restriction",
    "epi_artefact": "diffusion restriction",
    "lesion_adc": "ADC",
    "adc": "ADC",
    "microbleed": "microhaemorrhage and haemorrhage",
    "calcified": "microhaemorrhage and haemorrhage",
    "haemorrhage": "microhaemorrhage and haemorrhage",
    "sulcal_enhancement": "contrast enhancement",
    "lesion_enhancement": "contrast enhancement",
    "enhancing": "contrast enhancement",
    "csf": "cerebrospinal fluid",
    "csf_change": COMPARISON,
    "midline": "midline shift",
    "tonsil": "tonsil position",
    "white_grey": "T2 signal of white matter",
    "cord": "cervical cord",
    "restricted_new": COMPARISON,
    "restricted_gone": COMPARISON,
    "restricted_change": COMPARISON,
    "enhancement": COMPARISON,
    "haemorrhage_new": COMPARISON,
    "haemorrhage_gone": COMPARISON,
    "haemorrhage_change": COMPARISON,
    "microbleed_new": COMPARISON,
    "microbleed_not_before": COMPARISON,
    "microbleed_gone": COMPARISON,
    "flair_new": COMPARISON,
    "flair_gone": COMPARISON,
    "flair_change": COMPARISON,
    "flair_result": "comparison with the last result",
}
"""What a quantity is part of, by the start of its name, the longest that fits; what is missing is told by family, not number by number."""
_UNITS = {
    "mL": " mL",
    "%": " %",
    "1": "",
    "mm": " mm",
    "mm3": " mm³",
    "min": " min",
    "mm[Hg]": " mmHg",
    "a": " years",
    "d": " d",
    "10*9/L": " G/L",
    "10*-6.mm2/s": " ×10⁻⁶ mm²/s",  # noqa: RUF001 - as radiologists write it
    "{lesions}": "",  # the name of the quantity says what is counted
}
"""UCUM code to what is printed after the number."""
_COURSES = {
    Course.NEW: "new since the earlier study",
    Course.LARGER: "larger than in the earlier study",
    Course.SAME: "as in the earlier study",
    Course.SMALLER: "smaller than in the earlier study",
    Course.GONE: "gone since the earlier study",
}
_ANSWERS = {Answer.TRUE: "yes", Answer.FALSE: "no", Answer.UNKNOWN: "open"}
_DECIMALS = {"mL": 1, "%": 0, "1": 2, "mm": 1, "10*-6.mm2/s": 0, "{lesions}": 0}


def quantity_words(quantity: Quantity) -> str:
    """The quantity as a radiologist would write it."""
    return _QUANTITIES[quantity]


@cache
def family_words(quantity: Quantity) -> str:
    """What the quantity is part of, as in `FLAIR hyperintensity`."""
    longest = max((start for start in _FAMILIES if quantity.startswith(start)), key=len)
    return _FAMILIES[longest]


def subject_words(region: Region, side: Side) -> str:
    """Side and region.

    >>> subject_words(Region.PARIETO_OCCIPITAL, Side.LEFT)
    'left parieto-occipital'
    """
    if side in (Side.LEFT, Side.RIGHT):
        return f"{side.value} {region.words}"
    return "whole brain" if region is Region.BRAIN else region.words


def course_words(course: Course) -> str:
    """What became of an area since the earlier study."""
    return _COURSES[course]


def unit_words(unit: str) -> str:
    """What is printed after a number of this UCUM unit, with its leading space."""
    return _UNITS.get(unit, f" {unit}")


def value_words(value: float, unit: str, cut: float | None = None) -> str:
    """A value with its unit, with as many decimals as it takes to see that it is not zero, and on which side of the cut it lies.

    >>> value_words(12.44, "mL"), value_words(0.04, "mL"), value_words(1.96, "mL", 2.0)
    ('12.4 mL', '0.04 mL', '1.96 mL')
    """
    decimals = _DECIMALS.get(unit, 1)
    while value and decimals < 6 and not round(value, decimals):
        decimals += 1
    while cut is not None and decimals < 6 and (round(value, decimals) >= cut) != (value >= cut):
        decimals += 1
    return f"{value:.{decimals}f}{unit_words(unit)}"


def margin_words(distance: float, unit: str) -> str:
    """How far a value lies from its cut, with as many decimals as it takes to see that it does.

    >>> margin_words(1.4, "mL"), margin_words(-0.04, "mL"), margin_words(0, "mL")
    ('1.4 mL above', '0.04 mL below', 'at the cut')
    """
    if not distance:
        return "at the cut"
    decimals = _DECIMALS.get(unit, 0)
    while decimals < 6 and not round(abs(distance), decimals):
        decimals += 1
    # A share that lies 5 % above a cut of 40 % could be 42 %.
    shown = " percentage points" if unit == "%" else unit_words(unit)
    return f"{abs(distance):.{decimals}f}{shown} {'above' if distance > 0 else 'below'}"


def answer_word(answer: Answer) -> str:
    """Yes, no or open."""
    return _ANSWERS[answer]


def listed(items: tuple[str, ...] | list[str], last: str = "and") -> str:
    """Items as running text.

    >>> listed(["a", "b", "c"]), listed(["a", "b"], "or")
    ('a, b and c', 'a or b')
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
