import pytest

from tests.service.killing import kill_at_random


@pytest.mark.walk
def test_a_delivery_that_is_killed_over_and_over_loses_nothing_and_sticks_at_nothing(tmp_path):
    tally = kill_at_random(tmp_path, kills=2)
    assert tally.objects == tally.proven == tally.in_orthanc == 24
