"""Misses and false alarms of the rules by scanner, slices and noise."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rules.decision import Status
from workers.evaluation.mask_tables import strata_of
from workers.evaluation.outcome import Outcome, RuleOutcome
from workers.evaluation.statistics import auc, share
from workers.evaluation.tables import Cell, Table

BY = ("vendor", "slice spacing", "noise", "signal to noise set to", "slice thickness set to")
"""What the images are like; not what is in them."""
Answer = tuple[bool, RuleOutcome]
"""Whether the pattern is there, and what the rule says of it."""


def error_table(outcomes: Sequence[Outcome]) -> Table:
    """How often, and where, rules miss or are given without need."""
    rows = tuple((by, group, len(members), *_errors(members)) for (by, group), members in _groups(outcomes))
    return Table(
        "errors",
        "Misses and false alarms by stratum",
        "Over all pairs of a study and an imaging rule. Missed: the pattern is there, and the rule is absent or open. "
        "False: it is not there, and the rule is given. Tolerated patterns are left out, open rules count as unanswered.",
        ("by", "group", "studies", "with", "missed", "which were missed", "without", "false", "which were false",
         "unanswered"),
        rows,
    )  # fmt: skip


def rule_strata_table(outcomes: Sequence[Outcome]) -> Table:
    """Sensitivity, specificity and area under the curve of each rule in each stratum."""
    rows: list[tuple[Cell, ...]] = []
    for (by, group), members in _groups(outcomes):
        for rule, answers in sorted(_by_rule(members).items()):
            rows.append((rule, by, group, *_quality(answers)))
    return Table(
        "rule_strata",
        "Patterns by stratum",
        "As in the table of patterns, for each group of images. Groups are small: look at the intervals.",
        ("rule", "by", "group", "with", "without", "sensitivity", "specificity", "AUC"),
        tuple(sorted(rows, key=lambda row: tuple(map(str, row[:3])))),
    )


def _groups(outcomes: Sequence[Outcome]) -> list[tuple[tuple[str, str], list[Outcome]]]:
    """The strata with their studies, in the order of BY."""
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        for stratum in strata_of(one):
            if stratum[0] in BY:
                groups[stratum].append(one)
    return sorted(groups.items(), key=lambda item: (BY.index(item[0][0]), item[0][1]))


def _by_rule(members: Sequence[Outcome]) -> Mapping[str, list[Answer]]:
    """Every rule's answers where the truth is plain."""
    found: dict[str, list[Answer]] = defaultdict(list)
    for one in members:
        if one.truth is None:
            continue
        for rule in one.rules:
            if rule.rule in one.truth.present:
                found[rule.rule].append((True, rule))
            elif rule.rule not in one.truth.tolerated:
                found[rule.rule].append((False, rule))
    return found


def _errors(members: Sequence[Outcome]) -> tuple[Cell, ...]:
    answers = [answer for some in _by_rule(members).values() for answer in some]
    having = [rule for is_there, rule in answers if is_there]
    lacking = [rule for is_there, rule in answers if not is_there]
    answered = [rule for rule in lacking if rule.status is not Status.OPEN]
    missed = [rule for rule in having if rule.status is not Status.PRESENT]
    false = [rule for rule in answered if rule.status is Status.PRESENT]
    return (
        len(having), len(missed), _counted(missed), len(answered), len(false), _counted(false),
        len(lacking) - len(answered),
    )  # fmt: skip


def _counted(rules: Sequence[RuleOutcome]) -> str:
    codes = [one.rule for one in rules]
    return " ".join(f"{code} {codes.count(code)}" for code in sorted({*codes}))


def _quality(answers: Sequence[Answer]) -> tuple[Cell, ...]:
    having = [rule for is_there, rule in answers if is_there]
    lacking = [rule for is_there, rule in answers if not is_there and rule.status is not Status.OPEN]
    return (
        len(having),
        len(lacking),
        share(sum(rule.status is Status.PRESENT for rule in having), len(having)),
        share(sum(rule.status is not Status.PRESENT for rule in lacking), len(lacking)),
        auc([rule.margin for rule in having], [rule.margin for rule in lacking]),
    )
