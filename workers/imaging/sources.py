"""Which series stands for a role, and its volume; diffusion images may come out of a series of another role."""

from collections.abc import Sequence
from dataclasses import replace

from rules.anatomy import Role
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.diffusion import computed_adc, in_usual_unit
from workers.imaging.headers import quiet
from workers.imaging.physics import physics_of
from workers.imaging.reading import read_volume
from workers.imaging.series import Series, choose
from workers.imaging.stack import USUAL_B_VALUE, usual_weighting
from workers.imaging.volume import Volume

RELATED: dict[Role, tuple[Role, ...]] = {
    Role.B0: (Role.DWI,),
    Role.ADC: (Role.DWI, Role.B0),
    Role.PHASE: (Role.SWI,),
}
"""Roles whose series can also yield the volume of a role."""

Sourced = tuple[Volume, tuple[str, ...]]


def volume_of(series: Sequence[Series], role: Role) -> Sourced:
    """The volume of a role, and the Series Instance UIDs it was read from.

    The best series that can be read. Images without diffusion weighting, and phases, also come out of a series that
    holds them beside others; an ADC map is computed where the scanner sent none that can be used (its unit is 1e-6 mm2/s).
    Raises CannotAssess: the trouble of the best one, if none can be read.
    """
    try:
        return _own(series, role)
    except CannotAssess as trouble:
        try:
            return _other(series, role)
        except CannotAssess as also:
            raise _worse(trouble, also) from None


def _worse(trouble: CannotAssess, also: CannotAssess) -> CannotAssess:
    """The reason that says more: that a series is missing says least."""
    return also if trouble.why is Why.SERIES_MISSING else trouble


def _own(series: Sequence[Series], role: Role) -> Sourced:
    left, trouble = list(series), None
    while True:
        try:
            source = choose(_preferred(left, role), role)
        except CannotAssess as none_left:
            raise trouble or none_left from None
        try:
            volume = read_volume(source)
            if role is Role.ADC:
                volume = in_usual_unit(volume)
        except CannotAssess as reason:
            trouble = trouble or reason
            left.remove(source)
        else:
            return volume, (source.series_instance_uid,)


def _preferred(series: list[Series], role: Role) -> list[Series]:
    """Of diffusion series those whose weighting is nearest to the usual one; of others all."""
    if role is not Role.DWI:
        return series
    away = {one.series_instance_uid: _away(one) for one in series if one.role is role}
    nearest = min(away.values(), default=0.0)
    return [one for one in series if away.get(one.series_instance_uid) == nearest]


def _away(series: Series) -> float:
    """How far the weighting of a series is from the usual one, in s/mm2."""
    with quiet():
        found = usual_weighting(physics_of(series.headers).b_values)
    return USUAL_B_VALUE if found is None else abs(found - USUAL_B_VALUE)


def _other(series: Sequence[Series], role: Role) -> Sourced:
    """The volume of a role out of series that have another."""
    if role is Role.ADC:
        return _computed(series)
    others = [replace(one, role=role) for one in series if one.role in RELATED.get(role, ())]
    if not others:
        raise CannotAssess(Why.SERIES_MISSING, f"no {role.value} series")
    try:
        return _own(others, role)
    except CannotAssess:
        raise CannotAssess(Why.SERIES_MISSING, f"no {role.value} images") from None


def _computed(series: Sequence[Series]) -> Sourced:
    """The ADC map from the weighted images and those without, of the same series where it has both."""
    weighted, (uid,) = _own(series, Role.DWI)
    trouble = None
    # Out of the same series first: a separate one may be of another acquisition, scaled on its own.
    same = [replace(one, role=Role.B0) for one in series if one.series_instance_uid == uid]
    plain = [one for one in series if one.role is Role.B0]
    rest = [replace(one, role=Role.B0) for one in series if one.role is Role.DWI and one not in same]
    for source in (*same, *plain, *rest):
        try:
            volume = computed_adc(weighted, read_volume(source))
        except CannotAssess as reason:
            is_known = reason.why is not Why.COVERAGE
            trouble = trouble or (reason if is_known else None)
        else:
            return volume, tuple(dict.fromkeys((uid, source.series_instance_uid)))
    raise trouble or CannotAssess(
        Why.SERIES_MISSING, "no ADC map, and no images without weighting to compute one"
    )
