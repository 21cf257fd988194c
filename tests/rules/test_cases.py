import pytest

from rules.case_file import Story
from rules.case_verdict import Verdict, put, texts
from rules.claims import claim_in
from rules.decision import Decision, Status
from rules.policy import load
from tests.rules.stories import stories

POLICY = load()
STORIES = stories(POLICY)
every_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@pytest.fixture(scope="module")
def verdict():
    """Each case decided once for all tests of one run."""
    decided: dict[str, Verdict] = {}

    def verdict(story: Story) -> Verdict:
        if story.name not in decided:
            decided[story.name] = put(POLICY, story)
        return decided[story.name]

    return verdict


@pytest.fixture(scope="module")
def decisions(verdict):
    def decisions(story: Story) -> list[Decision]:
        return [outcome.decision for outcome in verdict(story).outcomes]

    return decisions


@every_story
def test_case(story: Story, verdict):
    differences = [
        (one, outcome.step.when) for outcome in verdict(story).outcomes for one in outcome.differences
    ]
    assert not differences, f"{story.file}:{story.line}"


@every_story
def test_no_text_claims_health_or_excludes_anything(story: Story, decisions):
    for decision in decisions(story):
        assert claim_in(texts(decision)) == ""


@every_story
def test_every_text_is_there_and_on_one_line(story: Story, decisions):
    for decision in decisions(story):
        assert decision.headline.startswith(f"{decision.priority} {decision.priority.words}: ")
        for text in (decision.headline, *decision.sentences, *(p.sentence for p in decision.patterns)):
            assert text.strip()
            assert "\n" not in text
            assert "  " not in text
            assert "{" not in text
        assert any("research use only" in text for text in decision.disclaimers)
        assert set(POLICY.wording.not_in_this_version) <= set(decision.not_assessed)


NEVER_OPEN = {"R12", "R19", "R20"}
"""They ask if assessed (docs/adr/0004), or what was measured and what is there."""


def test_every_rule_has_a_case_that_says_where_it_fires_where_it_does_not_and_where_it_is_open():
    said = {
        (rule, status)
        for story in STORIES
        for step in story.steps
        for rule, status in step.expected.patterns.items()
    }
    for rule in POLICY.rules:
        asked = set(Status) - ({Status.OPEN} if rule.code in NEVER_OPEN else set())
        assert {(rule.code, status) for status in asked} <= said


@every_story
def test_some_rules_are_never_open(story: Story, decisions):
    for decision in decisions(story):
        assert not [p for p in decision.patterns if p.rule in NEVER_OPEN and p.status is Status.OPEN]


def test_every_floor_has_a_case(decisions):
    held = {floor.code for story in STORIES for one in decisions(story) for floor in one.floors}
    assert held >= {rule.code for rule in POLICY.floors} | {"ORDER"}


@pytest.mark.parametrize(
    "text",
    ["A normal brain.", "There is no ICANS", "PRES is excluded", "ruled out", "Unremarkable", "healthy", "irreversible", "diagnosed"],
)  # fmt: skip
def test_what_claims_something_is_found(text: str):
    assert claim_in(text).lower() in text.lower()
    assert claim_in(text)
