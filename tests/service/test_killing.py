import pytest

from tests.service import killing, killing_walk


@pytest.mark.walk
def test_a_delivery_that_is_killed_over_and_over_loses_nothing_and_sticks_at_nothing(tmp_path):
    tally = killing.kill_at_random(tmp_path, kills=2)
    assert tally.objects == tally.proven == tally.in_orthanc == 24


@pytest.mark.walk
def test_bell_and_courier_that_are_killed_lose_no_job_and_no_result(tmp_path):
    tally = killing_walk.kill_at_random(tmp_path, kills=2)
    assert tally.kills == {"courier": 1, "bell": 1}
    assert tally.jobs == tally.done == tally.proven == tally.in_orthanc == 8
