"""The three kinds of trouble: data that cannot be assessed, trouble that passes, and everything else, which is a bug."""

from rules.findings import Why


class CannotAssess(Exception):  # noqa: N818 - it is an answer about the data, not an error of ours
    """The data do not allow the measurement. Becomes NotAssessed, and the walk goes on."""

    def __init__(self, why: Why, detail: str) -> None:
        """Take the reason and one clause for people, without identifiers."""
        super().__init__(f"{why.value}: {detail}")
        self.why = why
        self.detail = detail


class RetryableError(Exception):
    """Trouble that passes, such as a disk or a network; the task is tried again later."""


class GaveWay(Exception):  # noqa: N818 - no error: something more urgent waits
    """A warm-up ended because a study waits for a worker."""


class PolicyMismatchError(RetryableError):
    """Service and worker have different policies installed; the job waits for a worker that has the right one."""

    def __init__(self, asked: str, installed: str) -> None:
        """Take the first characters of both policy digests."""
        super().__init__(f"asked for policy {asked}, installed is {installed}")
