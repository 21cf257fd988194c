"""Which series stands for a role, and its volume."""

from collections.abc import Sequence

from rules.anatomy import Role
from workers.errors import CannotAssess
from workers.imaging.reading import read_volume
from workers.imaging.series import Series, choose
from workers.imaging.volume import Volume

RELATED: dict[Role, tuple[Role, ...]] = {}
"""Roles whose series can also yield the volume of a role."""


def volume_of(series: Sequence[Series], role: Role) -> tuple[Volume, tuple[str, ...]]:
    """The volume of a role, and the Series Instance UIDs it was read from.

    The best series that can be read. Raises CannotAssess: the trouble of the best one, if none can be read.
    """
    left, trouble = list(series), None
    while True:
        try:
            source = choose(left, role)
        except CannotAssess as none_left:
            raise trouble or none_left from None
        try:
            return read_volume(source), (source.series_instance_uid,)
        except CannotAssess as reason:
            trouble = trouble or reason
            left.remove(source)
