"""Whether a context and the images are of one patient: identifiers that contradict each other fuse nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from rules.context import PatientContext


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Who an image is of, by its header; empty and None are not known."""

    patient_id: str = ""
    issuer: str = ""
    birth_date: date | None = None


def contradiction(context: PatientContext, images: Iterable[Identifiers]) -> str:
    """What speaks against one patient, as one clause; empty if nothing does. What is not known contradicts nothing.

    >>> contradiction(PatientContext(patient_id="A"), [Identifiers("B")])
    'the patient ID in the images differs from the one in the context'
    """
    known = set(images)
    for name, ours, theirs in (
        ("patient ID", context.patient_id, {one.patient_id for one in known}),
        ("issuer of the patient ID", context.issuer, {one.issuer for one in known}),
        ("birth date", context.birth_date, {one.birth_date for one in known}),
    ):
        told = {value for value in theirs if value}
        if len(told) > 1:
            return f"the images name more than one {name}"
        if ours and told and ours not in told:
            return f"the {name} in the images differs from the one in the context"
    return ""
