"""Every code the reports use, in one table, each with its source.

Standard codes are from PS3.16 as pydicom carries it, unless the comment beside names another source; a test compares
them. What has no standard code that could be verified is under the private scheme 99CARTRIAGE (PS3.3 8.2), never guessed.
"""

from pydicom.sr.coding import Code

from rules.anatomy import Region, Side
from rules.decision import Status
from rules.findings import Quantity, Unit
from rules.messages import ResultState
from rules.urgency import Priority
from rules.urgency_codes import ENCODINGS, PRIVATE_SCHEME, code_of

PRIVATE_SCHEME_NAME = "Cartriage local codes"


def private(value: str, meaning: str) -> Code:
    """A code of our own scheme; `value` at most 16, `meaning` at most 64 characters (PS3.5 6.2, SH and LO)."""
    return Code(value[:16], PRIVATE_SCHEME, meaning[:64])


# Document (TID 1500 and its contexts)
REPORT_TITLE = Code("126000", "DCM", "Imaging Measurement Report")  # CID 7021
ENGLISH = Code("en", "RFC5646", "English")  # RFC 5646
MRI_PROCEDURE = Code("25056-3", "LN", "MRI unspecified body region")  # CID 100
OF_INTEREST = Code("113000", "DCM", "Of Interest")  # CID 7010
DEVICE = Code("121007", "DCM", "Device")  # CID 270
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")  # CID 7005
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")  # TID 1600
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")  # TID 1600
MODALITY = Code("121139", "DCM", "Modality")  # TID 1602
FRAME_OF_REFERENCE = Code("112227", "DCM", "Frame of Reference UID")  # TID 1602
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")  # TID 1500 row 12, PS3.16 text
SOURCE = Code("260753009", "SCT", "Source")  # as highdicom writes library entries
SOURCE_SERIES = Code("121232", "DCM", "Source series for segmentation")  # TID 1411
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")  # CID 7202
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162

MODALITIES = {
    "MR": Code("MR", "DCM", "Magnetic Resonance"),  # CID 29
    "CT": Code("CT", "DCM", "Computed Tomography"),  # CID 29
}
OTHER_MODALITY = Code("OT", "DCM", "Other Modality")  # CID 29

# Statements
SUMMARY = Code("121111", "DCM", "Summary")
CONCLUSION = Code("121077", "DCM", "Conclusion")  # CID 7002
COMMENT = Code("121106", "DCM", "Comment")
RECOMMENDATION = Code("121075", "DCM", "Recommendation")  # CID 7002
CLINICAL_CONTEXT = Code("122127", "DCM", "Clinical Context")
OVERALL_ASSESSMENT = Code("111413", "DCM", "Overall Assessment")  # CID 6053
PRIORITY = Code("260870009", "SCT", "Priority")
COULD_BE = private("could-be", "Priority if open questions turn out positive")
FLOOR = private("floor", "Priority that does not rest on the images")
REASON = private("reason", "Reason")
OPEN_QUESTION = private("open-question", "Would be settled by")
NOT_ASSESSED = private("not-assessed", "Not assessed")
COMPLETENESS = private("completeness", "Completeness of the study")
SERIES = private("series", "Series")

STATE = private("state", "Result state")
STATES = {
    ResultState.PROVISIONAL: private("provisional", "Provisional, the study is still arriving"),
    ResultState.CONFIRMED: private("confirmed", "Confirmed on the whole study"),
    ResultState.CORRECTED: private("corrected", "Corrected, supersedes an earlier result"),
}
TARGET = private("read-target", "Start of reading asked for")
STUDY_QUALITY = Code("130549", "DCM", "Imaging Study Quality")
DIAGNOSTIC_QUALITY = Code("RID12", "RADLEX", "Diagnostic quality")  # CID 7036
LIMITED_QUALITY = Code("RID13", "RADLEX", "Limited quality")  # CID 7036
NON_DIAGNOSTIC_QUALITY = Code("RID14", "RADLEX", "Non-diagnostic quality")  # CID 7036

PRIORITIES = {priority: private(*code_of(priority)) for priority in Priority}
ACTIONABLE = {
    priority: Code(encoding.acr_code, "RADLEX", encoding.acr_meaning)  # CID 7035
    for priority, encoding in ENCODINGS.items()
}
"""Our priorities as ACR categories (minutes, hours, days); P4 asks for no action and has none."""

PRESENT = Code("52101004", "SCT", "Present")  # CID 240
ABSENT = Code("272519000", "SCT", "Absent")  # CID 240
UNDETERMINED = Code("373068000", "SCT", "Undetermined")  # CID 240
STATUSES = {Status.PRESENT: PRESENT, Status.ABSENT: ABSENT, Status.OPEN: UNDETERMINED}

# Measurements
T2_HYPERINTENSITY = Code("RID39467", "RADLEX", "T2 Hyperintensity")  # CID 6335
RESTRICTED_DIFFUSION = Code("RID43349", "RADLEX", "Restricted diffusion")  # CID 6335
HAEMORRHAGE = Code("50960005", "SCT", "Hemorrhage")  # CID 6335
ENHANCING_LESION = Code("C113842", "NCIt", "Enhancing Lesion")  # CID 7159
VOLUME = Code("118565006", "SCT", "Volume")  # CID 7469
ADC = Code("113041", "DCM", "Apparent Diffusion Coefficient")  # CID 7469
QUANTITIES = {
    Quantity.FLAIR_VOLUME: VOLUME,
    Quantity.FLAIR_FRACTION: private("flair-fraction", "FLAIR-hyperintense share of the region"),
    Quantity.FLAIR_RATIO: private("flair-ratio", "FLAIR signal over lesion-free tissue"),
    Quantity.FLAIR_Z: Code("113071", "DCM", "Z-score"),  # CID 7469
    Quantity.FLAIR_LATERALITY: private(
        "flair-laterality", "FLAIR laterality index (left - right) / (left + right)"
    ),
    Quantity.FLAIR_CORTICAL_SHARE: private("flair-cortical", "Cortical share of FLAIR hyperintensity"),
    Quantity.FLAIR_CALLOSAL_SHARE: private(
        "flair-callosal", "Callosal share of FLAIR hyperintensity of deep white matter"
    ),
    Quantity.FLAIR_FOCI: private("flair-foci", "Number of FLAIR hyperintensities"),
    Quantity.RESTRICTED_VOLUME: VOLUME,
    Quantity.RESTRICTED_NEW_VOLUME: private("restricted-new", "New restricted diffusion volume"),
    Quantity.RESTRICTED_GONE_VOLUME: private("restricted-gone", "Resolved restricted diffusion volume"),
    Quantity.RESTRICTED_CHANGE: private("restricted-chang", "Change of restricted diffusion volume"),
    Quantity.RESTRICTED_ADC: ADC,
    Quantity.RESTRICTED_FOCI: private("restricted-foci", "Number of areas of restricted diffusion"),
    Quantity.RESTRICTED_LARGEST: private("restricted-large", "Largest area of restricted diffusion"),
    Quantity.RESTRICTED_LATERALITY: private(
        "restricted-later", "Laterality of restricted diffusion (left - right) / (left + right)"
    ),
    Quantity.SHINE_THROUGH_VOLUME: private("shine-through", "Volume bright on DWI without low ADC"),
    Quantity.EPI_ARTEFACT_VOLUME: private("epi-artefact", "Volume bright on DWI left out as EPI artefact"),
    Quantity.LESION_ADC: private("lesion-adc", "Mean ADC of FLAIR hyperintensity"),
    Quantity.ADC_MEDIAN: private("adc-median", "Median ADC of the region"),
    Quantity.MICROBLEED_COUNT: private("microbleeds", "Number of microbleed-like foci"),
    Quantity.MICROBLEED_NEW_COUNT: private("microbleeds-new", "Number of new microbleed-like foci"),
    Quantity.MICROBLEED_NOT_BEFORE_COUNT: private(
        "microbleed-notbf", "Number of microbleed-like foci not known from the earlier study"
    ),
    Quantity.MICROBLEED_GONE_COUNT: private(
        "microbleeds-gone", "Number of microbleed-like foci that are gone"
    ),
    Quantity.CALCIFIED_COUNT: private("calcified", "Number of foci left out as calcification by phase"),
    Quantity.HAEMORRHAGE_DIAMETER: private("bleed-diameter", "Diameter of the largest focus over 10 mm"),
    Quantity.HAEMORRHAGE_VOLUME: VOLUME,
    Quantity.HAEMORRHAGE_NEW_VOLUME: private("haemorrhage-new", "New volume of foci over 10 mm"),
    Quantity.HAEMORRHAGE_GONE_VOLUME: private("haemorrhage-gone", "Resolved volume of foci over 10 mm"),
    Quantity.HAEMORRHAGE_CHANGE: private("haemorrhage-chan", "Change of the volume of foci over 10 mm"),
    Quantity.SULCAL_ENHANCEMENT_VOLUME: private("leptomeningeal", "Volume of leptomeningeal enhancement"),
    Quantity.SULCAL_ENHANCEMENT_RATIO: private("leptomening-rat", "Leptomeningeal signal post over pre"),
    Quantity.SULCAL_ENHANCEMENT_HEIGHT: private("leptomening-hgt", "Height of leptomeningeal enhancement"),
    Quantity.LESION_ENHANCEMENT: private("lesion-enhance", "Signal post over pre of FLAIR hyperintensity"),
    Quantity.ENHANCING_VOLUME: private("enhancing", "Volume of parenchymal enhancement"),
    Quantity.ENHANCEMENT_NEW_VOLUME: private("enhancement-new", "New enhancement volume"),
    Quantity.ENHANCEMENT_GONE_VOLUME: private("enhancement-gone", "Resolved enhancement volume"),
    Quantity.ENHANCEMENT_CHANGE: private("enhancement-chan", "Change of enhancement volume"),
    Quantity.CSF_VOLUME: VOLUME,
    Quantity.CSF_CHANGE: private("csf-change", "Change of cerebrospinal fluid volume"),
    Quantity.CSF_RATIO: private("csf-ratio", "Smaller over larger hemispheric sulcal fluid"),
    Quantity.MIDLINE_SHIFT: private("midline-shift", "Midline shift"),
    Quantity.TONSIL_DESCENT: private("tonsil-descent", "Tonsils below the foramen magnum"),
    Quantity.WHITE_GREY_RATIO: private("white-grey-ratio", "T2 signal of white matter over cortex"),
    Quantity.CORD_RATIO: private("cord-ratio", "Cord signal over its usual level"),
    Quantity.CORD_LENGTH: private("cord-length", "Length of cord in the field of view"),
    Quantity.FLAIR_NEW_VOLUME: private("flair-new", "New FLAIR hyperintensity volume"),
    Quantity.FLAIR_GONE_VOLUME: private("flair-gone", "Resolved FLAIR hyperintensity volume"),
    Quantity.FLAIR_CHANGE: private("flair-change", "Change of FLAIR hyperintensity volume"),
    Quantity.FLAIR_RESULT_DIFFERENCE: private(
        "flair-result-difference", "Difference of FLAIR hyperintensity volume to the last result"
    ),
    Quantity.FLAIR_RESULT_CHANGE: private(
        "flair-result-change", "Change of FLAIR hyperintensity volume against the last result"
    ),
}
_FINDING_TYPES = {
    "flair_hyperintensity": T2_HYPERINTENSITY,
    "restricted_diffusion": RESTRICTED_DIFFUSION,
    "susceptibility": HAEMORRHAGE,
    "contrast_enhancement": ENHANCING_LESION,
    "oedema": private("fluid-spaces", "Sulci, cisterns and ventricles"),
    "cervical_cord": private("cord-signal", "Cervical cord signal"),
    "bleed_change": private("bleed-change", "Microbleed-like foci against the earlier study"),
    "haemorrhage_change": private("haemorrhage-diff", "Foci over 10 mm against the earlier study"),
    "restriction_change": private("restricted-diff", "Restricted diffusion against the earlier study"),
    "enhancement_change": private("enhancement-diff", "Enhancement against the earlier study"),
    "change": private("change", "Change against the earlier study"),
}


def finding_type(check: str) -> Code:
    """What a check finds; one of another package is named by itself."""
    return _FINDING_TYPES.get(check) or private(check, check.replace("_", " "))


CUBIC_MILLIMETRE = Code("mm3", "UCUM", "cubic millimeter")  # CID 7462
UNITS = {
    Unit.MILLILITRE: (CUBIC_MILLIMETRE, 1000.0),  # CID 7462 has no millilitre
    Unit.PERCENT: (Code("%", "UCUM", "Percent"), 1.0),
    Unit.ONE: (Code("1", "UCUM", "no units"), 1.0),
    Unit.MILLIMETRE: (Code("mm", "UCUM", "mm"), 1.0),
    Unit.ADC: (Code("10-6.mm2/s", "UCUM", "10-6.mm2/s"), 1.0),  # CID 7181
    Unit.COUNT: (Code("{lesions}", "UCUM", "lesions"), 1.0),  # UCUM annotation; accepted by PixelMed
}
"""Units of findings as UCUM codes, with the factor from ours to theirs."""

# Sites: (structure, modifier); the modifier names the part where no code for the part itself could be verified
_BRAIN = Code("12738006", "SCT", "Brain")
_WHITE_MATTER = Code("68523003", "SCT", "Cerebral White Matter")
_BRAIN_STEM = Code("119238007", "SCT", "Brain Stem")  # CID 7140
_PARIETAL = Code("16630005", "SCT", "Parietal lobe")
_FRONTAL = Code("83251001", "SCT", "Frontal lobe")
_TEMPORAL = Code("78277001", "SCT", "Temporal lobe")
_SUBARACHNOID = Code("33930006", "SCT", "Cranial Subarachnoid Space")  # CID 7140
_OCCIPITAL = Code("31065004", "SCT", "Occipital lobe")

SITES: dict[Region, tuple[Code, ...]] = {
    Region.BRAIN: (_BRAIN,),
    Region.FRONTAL: (_FRONTAL,),
    Region.PARIETAL: (_PARIETAL,),
    Region.TEMPORAL: (_TEMPORAL,),
    Region.OCCIPITAL: (_OCCIPITAL,),
    Region.PARIETO_OCCIPITAL: (_PARIETAL, _OCCIPITAL),
    Region.CINGULATE: (_BRAIN,),
    Region.INSULA: (Code("36169008", "SCT", "Insula"),),
    Region.HIPPOCAMPUS: (Code("5366008", "SCT", "Hippocampus"),),
    Region.THALAMUS: (Code("42695009", "SCT", "Thalamus"),),
    Region.CAUDATE: (Code("11000004", "SCT", "Caudate Nucleus"),),
    Region.PUTAMEN: (Code("89278009", "SCT", "Putamen"),),
    Region.PALLIDUM: (Code("14738005", "SCT", "Globus Pallidus"),),
    Region.CAPSULE: (Code("10517005", "SCT", "external capsule"),),
    Region.SPLENIUM: (Code("23347006", "SCT", "splenium of corpus callosum"),),
    Region.MIDBRAIN: (Code("61962009", "SCT", "Midbrain"),),
    Region.PONS: (_BRAIN_STEM,),
    Region.MEDULLA: (_BRAIN_STEM,),
    Region.BRAINSTEM: (_BRAIN_STEM,),
    Region.CEREBELLUM: (Code("113305005", "SCT", "Cerebellum"),),
    Region.PERIVENTRICULAR: (_WHITE_MATTER,),
    Region.CENTRUM_SEMIOVALE: (_WHITE_MATTER,),
    Region.VENTRICLES: (Code("35764002", "SCT", "Brain ventricle"),),
    Region.TEMPORAL_POLE: (_TEMPORAL,),
    Region.PRECENTRAL: (_FRONTAL,),
    Region.WATERSHED: (_BRAIN,),
    Region.GENU: (Code("70215001", "SCT", "genu of corpus callosum"),),
    Region.CALLOSAL_BODY: (Code("88442005", "SCT", "Corpus callosum"),),
    Region.PERIAQUEDUCTAL: (Code("80447000", "SCT", "Cerebral aqueduct"),),
    Region.FOURTH_VENTRICLE_RIM: (Code("35918002", "SCT", "Fourth Ventricle"),),
    Region.SULCI: (_SUBARACHNOID,),
    Region.CISTERNS: (_SUBARACHNOID,),
    Region.CORD: (Code("2748008", "SCT", "Spinal cord"),),
}
"""Structures a region lies in; more than one where the region spans them."""

SITE_PARTS: dict[Region, Code] = {
    Region.CINGULATE: private("cingulate", "cingulate gyrus"),
    Region.CAPSULE: private("capsule", "external and extreme capsule with claustrum"),
    Region.PONS: private("pons", "pons"),
    Region.MEDULLA: private("medulla", "medulla oblongata"),
    Region.PERIVENTRICULAR: private("periventricular", "periventricular white matter"),
    Region.CENTRUM_SEMIOVALE: private("semiovale", "centrum semiovale and corona radiata"),
    Region.TEMPORAL_POLE: private("temporal-pole", "amygdala and temporal pole"),
    Region.PRECENTRAL: private("precentral", "precentral gyrus"),
    Region.WATERSHED: private("watershed", "watershed bands"),
    Region.CALLOSAL_BODY: private("callosal-body", "body and isthmus"),
    Region.PERIAQUEDUCTAL: private("periaqueductal", "tissue around the aqueduct"),
    Region.FOURTH_VENTRICLE_RIM: private("fourth-rim", "tissue around the fourth ventricle"),
    Region.SULCI: private("convexity-sulci", "sulci above the lateral ventricles"),
    Region.CISTERNS: private("basal-cisterns", "suprasellar, ambient and quadrigeminal cisterns"),
    Region.CORD: private("upper-cervical", "upper cervical cord"),
}
"""The part of the structure, where no code for the part could be verified."""

_RIGHT = Code("24028007", "SCT", "Right")  # CID 244
_LEFT = Code("7771000", "SCT", "Left")  # CID 244
_BILATERAL = Code("51440002", "SCT", "Bilateral")  # CID 244
_UNPAIRED = frozenset(
    {
        Region.BRAIN,
        Region.SPLENIUM,
        Region.MIDBRAIN,
        Region.PONS,
        Region.MEDULLA,
        Region.BRAINSTEM,
        Region.CEREBELLUM,
        Region.VENTRICLES,
        Region.GENU,
        Region.CALLOSAL_BODY,
        Region.PERIAQUEDUCTAL,
        Region.FOURTH_VENTRICLE_RIM,
        Region.CISTERNS,
        Region.CORD,
    }
)


def laterality(region: Region, side: Side) -> Code | None:
    """The side as a code; None for the midline, which CID 244 lacks, and for the whole of an unpaired structure."""
    if side is Side.WHOLE:
        return None if region in _UNPAIRED else _BILATERAL
    return {Side.LEFT: _LEFT, Side.RIGHT: _RIGHT}.get(side)
