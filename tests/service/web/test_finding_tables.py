"""What a study's page says of findings, region by region, and of an earlier study."""

from dataclasses import replace

from rules.anatomy import Region, Side
from rules.findings import UNITS, Evidence, Measured, NotAssessed, Quantity, Why
from service.web.finding_tables import Group, tables

_EVIDENCE = Evidence("flair_hyperintensity 1", "1.2")


def measured(quantity: Quantity, side: Side, value: float) -> Measured:
    return Measured(quantity, Region.THALAMUS, side, value, UNITS[quantity], _EVIDENCE)


VOLUME = Quantity.FLAIR_VOLUME
NOW = (measured(VOLUME, Side.LEFT, 4.0), measured(VOLUME, Side.RIGHT, 0.0))


def test_the_change_stands_beside_the_volume_side_by_side():
    changed = (
        measured(Quantity.FLAIR_NEW_VOLUME, Side.LEFT, 2.1),
        measured(Quantity.FLAIR_GONE_VOLUME, Side.LEFT, 0.0),
        measured(Quantity.FLAIR_CHANGE, Side.LEFT, 40.0),
        measured(Quantity.FLAIR_NEW_VOLUME, Side.RIGHT, 0.0),
        measured(Quantity.FLAIR_GONE_VOLUME, Side.RIGHT, 1.25),
    )
    volume, *others = tables((*NOW, *changed))
    assert (volume.is_compared, volume.not_compared) == (True, "")
    assert volume.rows[0].change == "left +40 %, 2.1 mL new; right 1.2 mL gone"
    assert volume.rows[0].cells == ("4.0 mL", "0.0 mL", "")
    assert not any(one.is_compared for one in others)


def test_new_foci_stand_beside_their_number():
    count = measured(Quantity.MICROBLEED_COUNT, Side.LEFT, 4.0)
    changed = (
        measured(Quantity.MICROBLEED_NEW_COUNT, Side.LEFT, 2.0),
        measured(Quantity.MICROBLEED_NOT_BEFORE_COUNT, Side.LEFT, 3.0),
        measured(Quantity.MICROBLEED_GONE_COUNT, Side.LEFT, 0.0),
    )
    assert tables((count, *changed))[0].rows[0].change == "left 2 new, 3 not known from before"


def test_what_is_gone_is_no_silence():
    gone = measured(Quantity.FLAIR_GONE_VOLUME, Side.LEFT, 3.0)
    (volume, _) = tables((replace(NOW[0], value=0.0), gone))
    assert volume.group is Group.SEEN


def test_without_an_earlier_study_the_reason_is_told():
    why = NotAssessed(
        Quantity.FLAIR_NEW_VOLUME, Region.THALAMUS, Side.LEFT, Why.SERIES_MISSING, "no earlier study"
    )
    volume = tables((*NOW, why))[0]
    assert (volume.is_compared, volume.not_compared) == (False, "no earlier study")


def test_what_is_zero_is_told_apart_from_what_is_not_known():
    unknown = NotAssessed(VOLUME, Region.PONS, Side.MIDLINE, Why.COVERAGE, "not covered")
    zero, silent = replace(NOW[1], side=Side.LEFT), replace(NOW[0], value=0.0)
    seen, none, nothing = (
        tables(those)[0] for those in ((*NOW, unknown), (zero, silent, unknown), (unknown,))
    )
    assert (seen.group, seen.headline, seen.gaps) == (Group.SEEN, "4.0 mL, left thalamus", 1)
    assert (none.group, none.headline, none.gaps) == (Group.ZERO, "", 1)
    assert (nothing.group, nothing.headline, nothing.gaps) == (Group.NOT_ASSESSED, "not covered", 1)


def test_the_headline_is_the_whole_brain_or_the_number_of_regions():
    both = (NOW[0], replace(NOW[1], value=1.5))
    whole = replace(NOW[0], region=Region.BRAIN, side=Side.WHOLE, value=5.5)
    assert tables(both)[0].headline == "4.0 mL, left thalamus; 1.5 mL, right thalamus"
    pons = replace(NOW[0], region=Region.PONS, side=Side.MIDLINE)
    assert tables((*both, pons))[0].headline == "in 2 regions"
    assert tables((*both, whole))[0].headline == "5.5 mL, whole brain"
