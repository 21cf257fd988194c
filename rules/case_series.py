"""Which series a measurement of a case is made from, and what is missing without them, as the checks do it."""

from collections.abc import Collection, Mapping

from rules.anatomy import Role
from rules.findings import Quantity, Why

Reason = tuple[str, Why]
"""Why something could not be measured: one clause for people, and its kind."""

SERIES = (Role.FLAIR, Role.T1, Role.T1C, Role.T2, Role.DWI, Role.ADC, Role.SWI)
"""What a study of a case holds unless it says otherwise."""
REFERENCES = (Role.FLAIR,)
"""The series that the brain is found in: without one of them nothing is measured."""

_MADE_FROM: dict[str, tuple[tuple[Role, ...], ...]] = {
    "flair": ((Role.FLAIR,),),
    "restricted": ((Role.DWI,), (Role.ADC,)),
    "shine": ((Role.DWI,), (Role.ADC,)),
    "epi_artefact": ((Role.DWI,), (Role.ADC,)),
    "lesion_adc": ((Role.ADC,), (Role.FLAIR,)),
    "adc": ((Role.ADC,),),
    "microbleed": ((Role.SWI,),),
    "haemorrhage_new": ((Role.SWI,),),
    "haemorrhage_gone": ((Role.SWI,),),
    "haemorrhage_change": ((Role.SWI,),),
    "haemorrhage": ((Role.SWI, Role.B0),),
    "sulcal_enhancement": ((Role.T1C,), (Role.T1,)),
    "lesion_enhancement": ((Role.T1C,), (Role.T1,), (Role.FLAIR,)),
    "enhancement": ((Role.T1C,), (Role.T1,)),
    "enhancing": ((Role.T1C,), (Role.T1,)),
    "csf": ((Role.T2, Role.FLAIR, Role.T1),),
    "midline": ((Role.T2, Role.FLAIR, Role.T1),),
    "tonsil": ((Role.T2, Role.FLAIR, Role.T1),),
    "white_grey": ((Role.T2,),),
    "cord": ((Role.T2, Role.FLAIR),),
}
"""Start of a quantity's name to its series: one of each group is needed, the first that is there is taken."""


def made_from(quantity: Quantity) -> tuple[tuple[Role, ...], ...]:
    """The groups of series of which a quantity needs one each; the longest name that fits counts."""
    return _MADE_FROM[max((start for start in _MADE_FROM if quantity.startswith(start)), key=len)]


def lack(quantity: Quantity, arrived: Collection[Role], unusable: Mapping[Role, Reason]) -> Reason | None:
    """Why a quantity cannot be measured on the series that arrived; None if it can."""
    for group in (REFERENCES, *made_from(quantity)):
        if any(role in arrived and role not in unusable for role in group):
            continue
        troubles = [unusable[role] for role in group if role in arrived]
        return troubles[0] if troubles else (f"no {group[0]} series", Why.SERIES_MISSING)
    return None
