import re

import pytest

from rules.decide import decide
from rules.decision import Decision, Status
from rules.policy import load
from tests.rules.stories import StoryCase, read_cases

POLICY = load()
CASES = read_cases(POLICY)
FORBIDDEN = re.compile(
    r"\bnormal\b|\bno ICANS\b|\bexcluded\b|\brule[sd]? out\b|\bunremarkable\b|\bhealthy\b|\birreversible\b|\bdiagnosed\b",
    re.IGNORECASE,
)
STANDING = ("MRI is often normal in ICANS", "keeps its normal place in the worklist")


def texts(decision: Decision) -> str:
    patterns = [text for p in decision.patterns for text in (p.sentence, *p.reasons, *p.missing, p.follow_up)]
    floors = [floor.because for floor in decision.floors]
    return "\n".join(
        [
            decision.headline,
            *decision.sentences,
            *patterns,
            *floors,
            *decision.not_assessed,
            *decision.disclaimers,
        ]
    )


@pytest.mark.parametrize("story", CASES, ids=lambda story: story.name)
def test_case(story: StoryCase):
    decision = decide(POLICY, story.case)
    found = {status: {p.rule for p in decision.patterns if p.status is status} for status in Status}
    expect = dict(story.expect)
    assert decision.priority == expect.pop("priority")
    assert decision.imaging_priority == expect.pop("imaging", decision.imaging_priority)
    assert decision.is_assessed == expect.pop("assessed", decision.is_assessed)
    assert decision.could_be == expect.pop("could_be", decision.could_be)
    assert decision.day_after_infusion == expect.pop("day", decision.day_after_infusion)
    assert set(expect.pop("present", [])) <= found[Status.PRESENT]
    assert set(expect.pop("absent", [])) <= found[Status.ABSENT]
    assert set(expect.pop("open", [])) <= found[Status.OPEN]
    codes = [floor.code for floor in decision.floors]
    assert sorted(expect.pop("floors", codes)) == sorted(codes)
    said = texts(decision)
    for words in expect.pop("must_say", []):
        assert words in said
    for words in expect.pop("must_not_say", []):
        assert words not in said
    assert not expect, "unknown expectation"


@pytest.mark.parametrize("story", CASES, ids=lambda story: story.name)
def test_no_text_claims_health_or_excludes_anything(story: StoryCase):
    said = texts(decide(POLICY, story.case))
    for standing in STANDING:
        said = said.replace(standing, "")
    assert not FORBIDDEN.search(said)


@pytest.mark.parametrize("story", CASES, ids=lambda story: story.name)
def test_every_text_is_there_and_on_one_line(story: StoryCase):
    decision = decide(POLICY, story.case)
    assert decision.headline.startswith(f"{decision.priority} {decision.priority.words}: ")
    for text in (decision.headline, *decision.sentences, *(p.sentence for p in decision.patterns)):
        assert text.strip()
        assert "\n" not in text
        assert "  " not in text
        assert "{" not in text
    assert any("research use only" in text for text in decision.disclaimers)
    assert set(POLICY.wording.not_in_this_version) <= set(decision.not_assessed)


def test_every_rule_has_a_case_where_it_fires_and_one_where_it_does_not():
    seen = {(p.rule, p.status) for story in CASES for p in decide(POLICY, story.case).patterns}
    for rule in POLICY.rules:
        assert (rule.code, Status.PRESENT) in seen
        assert {(rule.code, Status.ABSENT), (rule.code, Status.OPEN)} & seen


def test_every_floor_has_a_case():
    held = {floor.code for story in CASES for floor in decide(POLICY, story.case).floors}
    assert held == {rule.code for rule in POLICY.floors} | {"ORDER"}
