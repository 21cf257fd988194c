"""Roles that have nothing to do with T1 and T2: other objects, localizers, derived images, diffusion, vessels, SWI.

Each rule gives the role with one clause why, or None if it has nothing to say.
"""

from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from rules.anatomy import Role
from workers.imaging.physics import Physics

Verdict = tuple[Role, str]

MR_IMAGES = frozenset({MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage})

DWI_B_VALUE = 500.0
"""From here on an image is diffusion-weighted in the sense of the checks, in s/mm2."""

B0_B_VALUE = 50.0
"""Below this an image of a diffusion series counts as unweighted, in s/mm2."""

T2_STAR_ECHO_MS = (10.0, 60.0)
"""Echo times of a gradient echo that shows iron: below lie T1 weighting and field maps."""

# fmt: off
DERIVED = frozenset({
    "CSA MPR", "CURVED", "MAXIMUM", "MINIMUM", "MINIP", "MIN_IP", "MIP", "MNIP", "MPR", "REFORMATTED", "VOLUME_RENDER",
    "PROJECTION", "PROJECTION IMAGE", "PROJECTION_IMAGE", "SUB", "SUBTRACT", "SUBTRACTION", "SCREEN SAVE", "SCREENSHOT",
    "COLFA", "COLFA_IMAGE", "EADC", "EXP", "EXPONENTIAL", "FA", "FIELD_MAP", "FMRI", "MOCO_MEAN", "TENSOR", "TENSOR_B0",
    "GBP", "MTT", "PBP", "RCBF", "RCBV", "T1 MAP", "T2 MAP", "T2STAR MAP", "T2_STAR MAP", "TMAX", "TTP",
})
# fmt: on
"""Values of Image Type of images computed from others, or of pictures of a screen."""

ADCS = frozenset({"ADC", "ADC_UNSPECIFIED"})
"""Values of Image Type of maps of the apparent diffusion coefficient."""

PHASES = frozenset({"P", "PHASE", "PHASE MAP", "I", "IMAGINARY"})
"""Values of Image Type of images that show the phase of the signal."""

# Words of SeriesDescription, in small letters.
_ADC = r"e?adc|dadc|apparent[ _-]diffusion\w*"
_SWI = r"[a-z]*swi[a-z]*|swan|suscept\w*|venobold|ven_bold"
_DWI = r"dwi|diff|diffusion|tracew|trace|resolve"
_LOCALIZER = r"loc|localis?z?er|lokali[sz]er|scout|aahead[ _]scout|survey|smart ?brain|3[ _-]?plane?s?|3[ _-]?pl|tri-?planar"
_VESSELS = r"tof|angio\w*|mra|mrv|venogra\w*|pc[ _]?3d|phase ?contrast"
_FUNCTION = r"perf\w*|dsc|asl|pcasl|bold|fmri|resting|rest"


def not_an_mr_image(physics: Physics) -> Verdict | None:
    if physics.modality and physics.modality != "MR":
        return Role.OTHER, f"modality {physics.modality}"
    if physics.sop_class_uid not in MR_IMAGES:
        return Role.OTHER, "not an MR image object"
    if physics.samples_per_pixel > 1:
        return Role.OTHER, "colour images"
    return None


def localizer(physics: Physics) -> Verdict | None:
    if "LOCALIZER" in physics.any_kinds:
        return Role.LOCALIZER, "image type LOCALIZER"
    if physics.is_inversion:
        return None
    if physics.is_named(_LOCALIZER):
        return Role.LOCALIZER, "named as a localizer"
    if physics.planes > 1:
        return Role.LOCALIZER, f"images in {physics.planes} planes"
    return None


def tiled(physics: Physics) -> Verdict | None:
    """Siemens puts all slices of a volume side by side into one picture, whose position is that of none of them."""
    if "MOSAIC" in physics.any_kinds:
        return Role.OTHER, "slices tiled in one image (mosaic)"
    return None


def derived(physics: Physics) -> Verdict | None:
    found = sorted(physics.kinds & DERIVED)
    if found:
        return Role.OTHER, f"derived images, {found[0].lower()}"
    if physics.any_kinds & PHASES and not physics.any_kinds & {"M", "MAGNITUDE"}:
        return _phase(physics)
    if "DERIVED" in physics.kinds and physics.is_named(
        r"mpr|mip|minip|reformat\w*|subtr\w*|sub|fa|colou?r|exp|eadc"
    ):
        return Role.OTHER, "derived images, by name"
    return None


def _phase(physics: Physics) -> Verdict:
    """Phases of a field map or of flowing blood say nothing of iron."""
    if _is_t2_star(physics) and not physics.is_named(_VESSELS):
        return Role.PHASE, f"phase images, gradient echo, {physics.times}"
    return Role.OTHER, "phase images"


def adc(physics: Physics) -> Verdict | None:
    if physics.kinds & ADCS:
        return Role.ADC, "image type ADC"
    if physics.any_kinds & ADCS:
        return _with_adc_images(physics)
    if physics.is_named(_ADC) and _may_be_adc(physics):
        if physics.is_named(r"eadc|exp\w*"):
            return Role.OTHER, "exponential ADC map, by name"
        return Role.ADC, "apparent diffusion coefficient, by name"
    return None


def _may_be_adc(physics: Physics) -> bool:
    """A map is computed, and of diffusion; a name does not make one of what the scanner measured."""
    if physics.any_kinds & {"ORIGINAL", "TRACEW", "TRACE"} or physics.is_inversion or physics.is_gradient:
        return False
    return physics.is_epi or "DERIVED" in physics.kinds


def _with_adc_images(physics: Physics) -> Verdict:
    """Traces and their map in one series: the traces are read, the map is left out (`stack_of`) and computed anew."""
    highest = max(physics.b_values, default=0.0)
    if highest >= DWI_B_VALUE:
        return Role.DWI, f"diffusion-weighted, b {highest:g} s/mm2, with ADC images among them"
    return Role.UNKNOWN, "ADC images and others in one series, b value not given"


def diffusion(physics: Physics) -> Verdict | None:
    highest = max(physics.b_values, default=None)
    if highest is not None and highest >= DWI_B_VALUE:
        return Role.DWI, f"diffusion-weighted, b {highest:g} s/mm2"
    # Philips writes a b value of 0 into images that have nothing to do with diffusion: other evidence must agree.
    is_diffusion = physics.acquisition_contrast == "DIFFUSION" or bool(
        physics.any_kinds & {"DIFFUSION", "TRACEW", "TRACE"}
    )
    if not is_diffusion and not (physics.is_epi and physics.is_named(_DWI)):
        return None
    if highest is None and physics.any_kinds & {"TRACEW", "TRACE"}:
        return Role.DWI, "diffusion trace images, b value not given"
    if highest is None:
        return Role.UNKNOWN, "diffusion images, b value not given"
    if highest < B0_B_VALUE:
        return Role.B0, f"diffusion series without weighting, b {highest:g} s/mm2"
    return Role.OTHER, f"diffusion images of low weighting, b {highest:g} s/mm2"


def of_other_use(physics: Physics) -> Verdict | None:
    if physics.acquisition_contrast in {"TOF", "FLOW_ENCODED", "PERFUSION", "TAGGING"}:
        return Role.OTHER, f"acquisition contrast {physics.acquisition_contrast}"
    if physics.is_named(_VESSELS) and not physics.is_inversion:
        return Role.OTHER, "angiography, by name"
    if physics.any_kinds & {"PERFUSION", "ASL"} or (physics.is_epi and physics.is_named(_FUNCTION)):
        return Role.OTHER, "perfusion or functional images"
    if physics.has_several_echoes and physics.any_kinds.isdisjoint({"SWI"}):
        return Role.UNKNOWN, "several echo times in one series"
    return None


def susceptibility(physics: Physics) -> Verdict | None:
    if "SWI" in physics.any_kinds:
        return Role.SWI, "image type SWI"
    if not _is_t2_star(physics):
        return None
    if physics.is_named(_SWI):
        return Role.SWI, f"gradient echo, {physics.times}, named as susceptibility-weighted"
    if physics.is_epi:
        return Role.OTHER, f"T2*-weighted echo-planar images, {physics.times}"
    return Role.SWI, f"T2*-weighted gradient echo, {physics.times}"


def _is_t2_star(physics: Physics) -> bool:
    low, high = T2_STAR_ECHO_MS
    return (
        physics.is_gradient
        and not physics.is_inversion
        and physics.te_ms is not None
        and low <= physics.te_ms <= high
    )
