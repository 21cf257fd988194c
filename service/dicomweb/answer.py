"""Answer to a store request: the Store Instances Response Module (PS3.18 annex I) and its HTTP status (10.5.3)."""

from collections.abc import Sequence

from pydicom import Dataset

from service.dicomweb.body import Outcome

OK, SOME_STORED, NOTHING_STORED, BUSY = 200, 202, 409, 503
_OUT_OF_RESOURCES = 0xA700


def status_of(outcomes: Sequence[Outcome]) -> int:
    """All stored, some stored, none; and none for want of resources, where the same request works later."""
    refusals = [one.refusal for one in outcomes if one.refusal is not None]
    if not refusals:
        return OK
    if len(refusals) < len(outcomes):
        return SOME_STORED
    return BUSY if all(one.value == _OUT_OF_RESOURCES for one in refusals) else NOTHING_STORED


def report(outcomes: Sequence[Outcome]) -> Dataset:
    """What became of each object; nothing can be retrieved here, so Retrieve URL has no value."""
    answer = Dataset()
    answer.RetrieveURL = None
    stored, failed, others = [], [], []
    for one in outcomes:
        if one.refusal is None:
            stored.append(_item(one))
        elif one.sop_instance_uid:
            failed.append(_item(one))
        else:
            others.append(_item(one))
    if failed:
        answer.FailedSOPSequence = failed
    if stored:
        answer.ReferencedSOPSequence = stored
    if others:
        answer.OtherFailuresSequence = others
    return answer


def _item(outcome: Outcome) -> Dataset:
    item = Dataset()
    if outcome.sop_instance_uid:
        item.ReferencedSOPClassUID = outcome.sop_class_uid
        item.ReferencedSOPInstanceUID = outcome.sop_instance_uid
    if outcome.refusal is not None:
        item.FailureReason = outcome.refusal.value
    else:
        item.RetrieveURL = None
    return item
