import pytest

from service.statuses import meaning_of


@pytest.mark.parametrize("status", [0x0000, 0x0111, 0xB000, 0xB006, 0xB007, 0xB123])
def test_success_and_warnings_are_stored(status):
    assert meaning_of(status).is_stored


@pytest.mark.parametrize(
    "status", [0x0110, 0x0122, 0x0124, 0xA700, 0xA7FF, 0xA900, 0xC000, 0xC211, 0xFE00, 0x1234]
)
def test_failures_and_unknown_statuses_are_not_stored(status):
    assert not meaning_of(status).is_stored
