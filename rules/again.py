"""The message by which a stored analysis is asked for again (`cartriage replay --images`)."""

from dataclasses import dataclass

from rules.messages import StudyReady
from rules.policy import Policy


@dataclass(frozen=True, slots=True)
class AnalyseAgain:
    """Service to workers: analyse this snapshot once more, from its files; write nothing. The answer is a StudyTriaged without reports."""

    ready: StudyReady
    policy: Policy
    """By which it was analysed then: its measuring cuts count, not those of the installed one."""
    files: str
    """Root of the file store, absolute."""
