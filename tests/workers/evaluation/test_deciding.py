"""Another policy decides measured studies again, and measures nothing."""

from dataclasses import replace

import pytest

from rules.anatomy import Region, Side
from rules.decision import Status
from rules.findings import UNITS, Evidence, Measured, Quantity
from rules.policy import load
from tests.workers.evaluation.made_up import outcome
from workers.evaluation.deciding import decided
from workers.evaluation.outcome import Ending
from workers.evaluation.truth import Truth

_BLEED = Measured(
    Quantity.HAEMORRHAGE_DIAMETER,
    Region.BRAIN,
    Side.WHOLE,
    12.0,
    UNITS[Quantity.HAEMORRHAGE_DIAMETER],
    Evidence("susceptibility 1", ""),
)


@pytest.fixture(scope="module")
def policy():
    return load()


def _rule(found, code):
    return next(one for one in found.rules if one.rule == code)


def test_the_rules_are_those_of_the_policy(policy):
    found = decided(outcome("a", Truth(("R08",)), {}, measured=(_BLEED,)), policy)
    assert found.policy_digest == policy.digest
    assert found.imaging_priority == "P1"
    assert _rule(found, "R08").status is Status.PRESENT
    assert _rule(found, "R08").margin == pytest.approx(0.2)
    assert _rule(found, "R02").status is Status.OPEN  # nothing was said of the thalami


def test_another_policy_answers_otherwise(policy):
    without = replace(policy, rules=tuple(rule for rule in policy.rules if rule.code != "R08"))
    found = decided(outcome("a", Truth(("R08",)), {}, measured=(_BLEED,)), without)
    assert "R08" not in {one.rule for one in found.rules}
    assert found.imaging_priority != "P1"


def test_what_was_not_measured_stays_undecided(policy):
    crashed = outcome("a", Truth(("R08",)), {}, ending=Ending.CRASH)
    assert decided(crashed, policy) == replace(crashed, policy_digest=policy.digest)
