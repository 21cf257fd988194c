"""What the checks of this version measure: each quantity with the regions of which it is told.

A policy that asks for anything else is refused on load, with file and line: a condition on a finding that nobody makes
would stay open for ever. A test holds this table against the registered checks, and a worker whose installed checks make
less than the policy asks for does not start.
"""

from rules.anatomy import UNPAIRED, Region, Side, sides
from rules.conditions import Subject
from rules.findings import Quantity
from rules.last_result import COMPARED, DERIVED

_FLUID = (Region.VENTRICLES, Region.CISTERNS, Region.SULCI)
_TISSUE = tuple(region for region in Region if region not in {*_FLUID, Region.CORD})
_PAIRED = tuple(region for region in _TISSUE if region not in UNPAIRED)
_BRAIN = (Region.BRAIN,)
_CORD = (Region.CORD,)
_LOBES = (Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL)
_MENINGES = (*_LOBES, Region.PARIETO_OCCIPITAL, Region.CEREBELLUM, Region.BRAIN)
_ADC_OF_LESIONS = (*_MENINGES, Region.HIPPOCAMPUS, Region.THALAMUS, Region.BRAINSTEM, Region.SPLENIUM,
                   Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE)  # fmt: skip
_ACROSS = {Region.PARIETO_OCCIPITAL, Region.TEMPORAL_POLE, Region.PRECENTRAL, Region.WATERSHED,
           Region.PERIAQUEDUCTAL, Region.FOURTH_VENTRICLE_RIM}  # fmt: skip
_OF_FOCI = tuple(region for region in _TISSUE if region not in _ACROSS)
"""A focus is counted in the ground region that holds its centre."""

_BY_SIDE: dict[Quantity, tuple[Region, ...]] = {
    Quantity.FLAIR_VOLUME: _TISSUE,
    Quantity.FLAIR_FRACTION: _TISSUE,
    Quantity.FLAIR_RATIO: _TISSUE,
    Quantity.FLAIR_Z: _TISSUE,
    Quantity.FLAIR_FOCI: _TISSUE,
    Quantity.FLAIR_NEW_VOLUME: _TISSUE,
    Quantity.FLAIR_GONE_VOLUME: _TISSUE,
    Quantity.FLAIR_CHANGE: _TISSUE,
    Quantity.RESTRICTED_VOLUME: _TISSUE,
    Quantity.RESTRICTED_ADC: _TISSUE,
    Quantity.RESTRICTED_NEW_VOLUME: _TISSUE,
    Quantity.RESTRICTED_GONE_VOLUME: _TISSUE,
    Quantity.RESTRICTED_CHANGE: _TISSUE,
    Quantity.MICROBLEED_COUNT: _OF_FOCI,
    Quantity.MICROBLEED_NEW_COUNT: _OF_FOCI,
    Quantity.MICROBLEED_NOT_BEFORE_COUNT: _OF_FOCI,
    Quantity.MICROBLEED_GONE_COUNT: _OF_FOCI,
    Quantity.SULCAL_ENHANCEMENT_VOLUME: _MENINGES,
    Quantity.ENHANCING_VOLUME: _TISSUE,
    Quantity.ENHANCEMENT_NEW_VOLUME: _TISSUE,
    Quantity.ENHANCEMENT_GONE_VOLUME: _TISSUE,
    Quantity.ENHANCEMENT_CHANGE: _TISSUE,
    Quantity.CSF_VOLUME: _FLUID,
    Quantity.CSF_CHANGE: _FLUID,
    Quantity.CORD_RATIO: _CORD,
    Quantity.CORD_LENGTH: _CORD,
}
"""Told of each side of a region."""
_AS_A_WHOLE: dict[Quantity, tuple[Region, ...]] = {
    Quantity.FLAIR_LATERALITY: _PAIRED,
    Quantity.FLAIR_CORTICAL_SHARE: _BRAIN,
    Quantity.FLAIR_CALLOSAL_SHARE: (Region.CALLOSAL_BODY,),
    Quantity.RESTRICTED_FOCI: (*_BRAIN, Region.CEREBELLUM),
    Quantity.RESTRICTED_LARGEST: _BRAIN,
    Quantity.RESTRICTED_LATERALITY: _BRAIN,
    Quantity.SHINE_THROUGH_VOLUME: (*_BRAIN, Region.SPLENIUM),
    Quantity.EPI_ARTEFACT_VOLUME: (*_BRAIN, Region.TEMPORAL),
    Quantity.LESION_ADC: _ADC_OF_LESIONS,
    Quantity.ADC_MEDIAN: _BRAIN,
    Quantity.HAEMORRHAGE_DIAMETER: _BRAIN,
    Quantity.HAEMORRHAGE_NEW_VOLUME: _BRAIN,
    Quantity.HAEMORRHAGE_GONE_VOLUME: _BRAIN,
    Quantity.HAEMORRHAGE_CHANGE: _BRAIN,
    Quantity.HAEMORRHAGE_VOLUME: _BRAIN,
    Quantity.SULCAL_ENHANCEMENT_RATIO: _BRAIN,
    Quantity.SULCAL_ENHANCEMENT_HEIGHT: _BRAIN,
    Quantity.LESION_ENHANCEMENT: _BRAIN,
    Quantity.CSF_RATIO: (Region.SULCI,),
    Quantity.MIDLINE_SHIFT: _BRAIN,
    Quantity.TONSIL_DESCENT: _BRAIN,
}
"""Told of a region as a whole."""

_HALVES: dict[Quantity, tuple[Region, ...]] = {
    Quantity.ADC_MEDIAN: (Region.CENTRUM_SEMIOVALE,),
    Quantity.EPI_ARTEFACT_VOLUME: (Region.TEMPORAL,),
    Quantity.WHITE_GREY_RATIO: (Region.CENTRUM_SEMIOVALE,),
}
"""Told of the left and the right, not only of the whole."""

MEASURABLE: frozenset[Subject] = frozenset(
    [
        Subject(q, region, side)
        for q, regions in _BY_SIDE.items()
        for region in regions
        for side in sides(region)
    ]
    + [
        Subject(q, region, side)
        for q, regions in _HALVES.items()
        for region in regions
        for side in (Side.LEFT, Side.RIGHT)
    ]
    + [Subject(q, region, sides(region)[-1]) for q, regions in _AS_A_WHOLE.items() for region in regions]
)
"""Every finding that a check makes: quantity, region and side; its unit stands in `findings.UNITS`."""

FOLLOWING: frozenset[Subject] = frozenset(
    one._replace(quantity=quantity) for one in MEASURABLE if one.quantity is COMPARED for quantity in DERIVED
)
"""What follows from the findings of two studies (rules.last_result)."""


def places(quantity: Quantity) -> str:
    """Where a quantity is measured, for an error message."""
    found = [f"{one.side} {one.region}" for one in sorted(MEASURABLE | FOLLOWING) if one.quantity is quantity]
    return ", ".join(found) or "nowhere"
