"""One priority in the words of every system that it is told to; nobody translates it anywhere else.

Routine is told to nobody as a priority of its own: an order may be urgent for other reasons, and we only ever raise.
"""

from dataclasses import dataclass

from rules.urgency import Priority

PRIVATE_SCHEME = "99CARTRIAGE"


@dataclass(frozen=True, slots=True)
class Encoding:
    """A priority that raises. Sources: HL7 table 0485, FHIR R4 request-priority, PS3.3 C.30.2, CID 7035, HL7 table 0078."""

    hl7_priority: str
    """TQ1-9."""
    fhir_priority: str
    """Task.priority."""
    ups_priority: str
    """Scheduled Procedure Step Priority (0074,1200)."""
    acr_code: str
    """RADLEX code of the ACR category."""
    acr_meaning: str


ENCODINGS = {
    Priority.P1: Encoding("S", "stat", "HIGH", "RID49480", "ACR Category 1 Actionable Finding"),
    Priority.P2: Encoding("A", "asap", "HIGH", "RID49481", "ACR Category 2 Actionable Finding"),
    Priority.P3: Encoding("A", "urgent", "MEDIUM", "RID49482", "ACR Category 3 Actionable Finding"),
}
ABNORMAL = "AA"
"""OBX-8 and Observation.interpretation of an actionable finding (PS3.20 10.5.2)."""
UPS_UNCHANGED = "MEDIUM"
"""A workitem must have a priority; this one is nobody's reason to wait."""


def code_of(priority: Priority) -> tuple[str, str]:
    """Our own code of a priority in `PRIVATE_SCHEME`, and its meaning; the same in SR, HL7, FHIR and UPS."""
    return priority.value, f"{priority.value} {priority.words}"
