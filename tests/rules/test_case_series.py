"""A case's series are those that the checks look at."""

from rules.case_series import made_from
from rules.findings import Quantity, Why
from workers.checks.registry import checks


def test_a_case_takes_each_quantity_from_series_that_its_check_looks_at():
    for check in checks():
        for silent in check.silence(Why.SERIES_MISSING, ""):
            if silent.quantity is not Quantity.LESION_ADC:  # measured by two checks
                for group in made_from(silent.quantity):
                    assert set(group) <= set(check.roles)
