"""From findings, context and policy to the decision. Pure: the same case gives the same decision, and nothing lowers."""

from collections.abc import Iterable
from dataclasses import replace

from rules.clinical import Clinic, day_after_infusion, inferred, is_recipient, observe
from rules.conditions import Subject
from rules.context_words import recipient_line
from rules.decision import Decision, Status
from rules.evaluation import Facts
from rules.explain import Story, headline, sentences
from rules.facts import Case
from rules.findings import Finding, Measured, Quantity
from rules.floors import floors, with_earlier
from rules.last_result import DERIVED, since_last_result
from rules.patterns import Judged, judge
from rules.policy import Kind, Policy
from rules.provisional import arriving, confirmed
from rules.unassessed import unassessed
from rules.urgency import Priority, most_urgent


def decide(policy: Policy, case: Case) -> Decision:
    """Priority = most urgent of imaging patterns, context patterns, floors and the order; with every reason."""
    case = replace(case, context=inferred(case.context, policy.limits.recipient_words))
    clinic = observe(case.context, policy.limits, case.now, case.study_date, case.earlier)
    facts = _facts(case, clinic)
    judged = judge(policy, facts)
    held = floors(policy, facts, case.context)
    imaging = _priority(judged, Kind.IMAGING)
    own = most_urgent(imaging, _priority(judged, Kind.CONTEXT), *(floor.priority for floor in held))
    held = with_earlier(held, case.earlier_priority, own)
    provisional = (*arriving(case), *confirmed(case, own))
    priority = most_urgent(own, *(floor.priority for floor in held))
    # Where there is no last result, nothing is missing: most patients have none.
    asked = [subject for subject in policy.asked if case.last_result or subject.quantity not in DERIVED]
    not_assessed = unassessed(asked, facts.findings)
    remarks = (*provisional, *_mismatched(case), *_inferred(case), *clinic.conflicts)
    story = Story(policy, case, judged, held, priority, not_assessed, facts.is_assessed, remarks)
    return Decision(
        priority=priority,
        imaging_priority=imaging,
        floors=held,
        patterns=tuple(one.pattern for one in judged),
        is_assessed=facts.is_assessed,
        not_assessed=(*not_assessed, *policy.wording.not_in_this_version),
        could_be=_could_be(judged, priority),
        headline=headline(story),
        sentences=sentences(story),
        disclaimers=policy.wording.disclaimers,
        day_after_infusion=day_after_infusion(case.context, case.study_date or case.now.date()),
        policy=policy.identity,
    )


def _mismatched(case: Case) -> tuple[str, ...]:
    """Two identifiers that contradict each other: nothing clinical was used, and a person has to look."""
    if not case.identity_mismatch:
        return ()
    return (f"Identity mismatch: {case.identity_mismatch}; no context was used.",)


def _inferred(case: Case) -> tuple[str, ...]:
    """Said where nobody flagged the patient and the context tells of CAR-T cells all the same."""
    if case.context.is_cart_recipient or not is_recipient(case.context):
        return ()
    return (f"{recipient_line(case.context, case.study_date or case.now.date())}.",)


def _facts(case: Case, clinic: Clinic) -> Facts:
    findings = _by_subject(case.findings)
    is_assessed = any(
        isinstance(finding, Measured)
        for subject, finding in findings.items()
        if subject.quantity is Quantity.FLAIR_VOLUME
    )
    findings |= since_last_result(findings, case.last_result, case.earlier)
    since = case.earlier.study_date if case.earlier else None
    facts = Facts(findings, clinic.facts, frozenset(case.modalities), is_assessed, case.is_arriving)
    if case.last_result:
        facts = replace(facts, last_result=case.last_result.study_date.isoformat())
    return replace(facts, earlier=since.isoformat()) if since else facts


def _by_subject(findings: Iterable[Finding]) -> dict[Subject, Finding]:
    """One finding for each subject, whatever the order: a measured one before none, the larger or less certain before the other."""
    chosen: dict[Subject, Finding] = {}
    for finding in findings:
        subject = Subject(finding.quantity, finding.region, finding.side)
        if subject not in chosen or _rank(finding) > _rank(chosen[subject]):
            chosen[subject] = finding
    return chosen


def _rank(finding: Finding) -> tuple[bool, float, float, str]:
    if isinstance(finding, Measured):
        return True, finding.value, finding.uncertainty or 0, ""
    return False, 0, 0, f"{finding.why}{finding.detail}"


def _priority(judged: Iterable[Judged], kind: Kind) -> Priority:
    patterns = (one.pattern for one in judged if one.rule.kind is kind)
    return most_urgent(*(p.priority for p in patterns if p.status is Status.PRESENT and p.priority))


def _could_be(judged: Iterable[Judged], priority: Priority) -> Priority | None:
    """What missing images or context could still make of the imaging patterns; silent unless it is more urgent."""
    possible = [one.could_be for one in judged if one.rule.kind is Kind.IMAGING and one.could_be]
    best = most_urgent(*possible)
    return best if best.is_above(priority) else None
