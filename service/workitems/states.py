"""The states of a workitem, and what is answered to who wants another (PS3.4 tables CC.1.1-2 and CC.2.1-2), as data."""

SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
FINAL = frozenset({COMPLETED, CANCELED})

SUCCESS = 0x0000
NOT_ALL_SUPPORTED = 0x0001
ALREADY_CANCELED, ALREADY_COMPLETED = 0xB304, 0xB306
NO_LONGER_UPDATED, WRONG_TRANSACTION, ALREADY_IN_PROGRESS = 0xC300, 0xC301, 0xC302
ONLY_BY_CREATE, NOT_FINISHED, UNKNOWN = 0xC303, 0xC304, 0xC307
UNKNOWN_RECEIVER, NOT_IN_PROGRESS, IS_COMPLETED, NOT_CANCELED = 0xC308, 0xC310, 0xC311, 0xC313
NOT_FOR_THIS = 0xC314
INVALID_ARGUMENT, NO_SUCH_ACTION, PROCESSING_FAILURE = 0x0115, 0x0123, 0x0110
"""Statuses of PS3.4 CC.2 and PS3.7 annex C."""

_CHANGES = {
    (SCHEDULED, IN_PROGRESS): SUCCESS,
    (SCHEDULED, SCHEDULED): ONLY_BY_CREATE,
    (SCHEDULED, COMPLETED): NOT_IN_PROGRESS,
    (SCHEDULED, CANCELED): NOT_IN_PROGRESS,
    (IN_PROGRESS, SCHEDULED): ONLY_BY_CREATE,
    (IN_PROGRESS, IN_PROGRESS): ALREADY_IN_PROGRESS,
    (IN_PROGRESS, COMPLETED): SUCCESS,
    (IN_PROGRESS, CANCELED): SUCCESS,
    (COMPLETED, SCHEDULED): ONLY_BY_CREATE,
    (COMPLETED, IN_PROGRESS): NO_LONGER_UPDATED,
    (COMPLETED, COMPLETED): ALREADY_COMPLETED,
    (COMPLETED, CANCELED): NO_LONGER_UPDATED,
    (CANCELED, SCHEDULED): ONLY_BY_CREATE,
    (CANCELED, IN_PROGRESS): NO_LONGER_UPDATED,
    (CANCELED, COMPLETED): NO_LONGER_UPDATED,
    (CANCELED, CANCELED): ALREADY_CANCELED,
}
"""State and wanted state to the answer, where the transaction is the right one."""


def answer_to(state: str, wanted: str, *, held: str, given: str) -> int:
    """The status for a wish to change the state.

    held : Transaction UID of who claimed the workitem, empty if nobody did; given : that of who asks

    >>> hex(answer_to("SCHEDULED", "IN PROGRESS", held="", given="1.2"))
    '0x0'
    >>> hex(answer_to("IN PROGRESS", "COMPLETED", held="1.2", given="1.3"))
    '0xc301'
    """
    answer = _CHANGES.get((state, wanted), INVALID_ARGUMENT)
    if answer != SUCCESS:
        return answer
    return WRONG_TRANSACTION if not given or (held and given != held) else SUCCESS
