"""The gate: which studies are analysed. Both answers carry a sentence for the audit trail; nothing here lowers a study."""

from dataclasses import dataclass
from enum import StrEnum

from rules.clinical import age_at
from rules.context import PatientContext
from rules.facts import StudyHeaders

MINIMUM_AGE = 2
"""Years; below it the checks are not to be used (knowledge base 5.1, item 9: the brain matures until then)."""

_HEAD = ("HEAD", "BRAIN", "SKULL", "CRANI", "NEURO", "ORBIT", "FACE", "PITUITARY", "SELLA", "CEREB")
"""Parts of Body Part Examined values and descriptions (PS3.16 annex L) that mean the head."""


class DeclineCode(StrEnum):
    """Why a study is not analysed."""

    NOT_FLAGGED = "not_flagged"
    NOT_MR_HEAD = "not_mr_head"
    TOO_YOUNG = "too_young"
    IDENTITY_MISMATCH = "identity_mismatch"
    """The identifiers contradict each other: no context may be fused (found by the service's assembly)."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The study is analysed."""

    reason: str
    remarks: tuple[str, ...] = ()
    """What a person should look at, such as a birth date that differs from the registry's."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The study is not analysed; its place in the worklist is untouched."""

    code: DeclineCode
    reason: str


def admit(headers: StudyHeaders, context: PatientContext | None) -> Admitted | Declined:
    """Whether to analyse a study: a flagged patient, an MR study, and nothing that says it is not of the head.

    A missing body part admits: a forgotten header must not lose a study.
    """
    if context is None or not context.is_cart_recipient:
        return Declined(DeclineCode.NOT_FLAGGED, "The patient is not on the registry of CAR-T recipients.")
    if headers.modalities and "MR" not in headers.modalities:
        found = ", ".join(sorted(set(headers.modalities)))
        return Declined(
            DeclineCode.NOT_MR_HEAD, f"The study holds no MR series ({found}); only MR is analysed."
        )
    if not _may_be_head(headers):
        found = ", ".join(sorted(set(headers.body_parts)))
        return Declined(
            DeclineCode.NOT_MR_HEAD, f"Every body part in the headers is another than the head ({found})."
        )
    age = _age(headers, context)
    if age is not None and age < MINIMUM_AGE:
        return Declined(DeclineCode.TOO_YOUNG, f"The patient is younger than {MINIMUM_AGE} years.")
    part = "of the head" if headers.body_parts else "without a body part in its headers"
    return Admitted(
        f"The patient is on the registry of CAR-T recipients; MR study {part}.", _remarks(headers, context)
    )


def _may_be_head(headers: StudyHeaders) -> bool:
    parts = [part.upper() for part in headers.body_parts]
    words = [*parts, *(text.upper() for text in headers.descriptions)]
    return not parts or any(name in word for word in words for name in _HEAD)


def _age(headers: StudyHeaders, context: PatientContext) -> int | None:
    """Age on the day of the study, by the registry's birth date; without a study date nobody is too young."""
    return None if headers.study_date is None else age_at(context, headers.study_date)


def _remarks(headers: StudyHeaders, context: PatientContext) -> tuple[str, ...]:
    if headers.birth_date and context.birth_date and headers.birth_date != context.birth_date:
        return (
            "The birth date in the images differs from the registry's: check that it is the same patient.",
        )
    return ()
