"""Space on the disk, as senders feel it."""

import pytest

from service.errors import RefusedError
from service.intake import Intake
from service.space import DiskWatch
from tests.service.conftest import NOON


def test_a_disk_with_plenty_of_space_is_not_measured_for_each_object_but_a_low_one_is(intake: Intake):
    measured: list[int] = []

    class Disk:
        def free_mb(self) -> int:
            measured.append(0)
            return free

    free = 5000
    watch = DiskWatch(intake.store, Disk(), watermark_mb=1000)
    for _ in range(5):
        watch.expect_space(NOON)
    assert len(measured) == 1
    free, watch._plenty_until = 1100, 0.0
    for _ in range(5):
        watch.expect_space(NOON)
    assert len(measured) == 6
    free = 900
    with pytest.raises(RefusedError):
        watch.expect_space(NOON)
