"""Every state and wish has its answer, and every status is one of the standard's."""

from itertools import product

import pytest
from pydicom import DataElement, Dataset
from pynetdicom.status import UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS as STANDARD

from service.workitems import states
from service.workitems.matching import matches, may_match, wanted_of

ALL_STATES = (states.SCHEDULED, states.IN_PROGRESS, states.COMPLETED, states.CANCELED)
KEY, OTHER = "1.2.3", "1.2.4"


@pytest.mark.parametrize(("state", "wanted"), list(product(ALL_STATES, ALL_STATES)))
def test_only_the_holder_of_the_key_moves_on_and_nothing_moves_back(state, wanted):
    held = "" if state == states.SCHEDULED else KEY
    answer = states.answer_to(state, wanted, held=held, given=KEY)
    allowed = {
        (states.SCHEDULED, states.IN_PROGRESS),
        (states.IN_PROGRESS, states.COMPLETED),
        (states.IN_PROGRESS, states.CANCELED),
    }
    assert (answer == states.SUCCESS) == ((state, wanted) in allowed)
    assert states.answer_to(state, wanted, held=held, given="") != states.SUCCESS
    if state != states.SCHEDULED:
        assert states.answer_to(state, wanted, held=held, given=OTHER) != states.SUCCESS


def test_every_status_of_ours_is_named_in_the_standard_for_what_it_says():
    ours = {name: value for name, value in vars(states).items() if isinstance(value, int) and value >= 0xB000}
    assert len(ours) == 13
    assert all(STANDARD[value][1] != "Unable to Process" for value in ours.values())
    assert "COMPLETED" in STANDARD[ours["ALREADY_COMPLETED"]][1]
    assert "Transaction UID" in STANDARD[ours["WRONG_TRANSACTION"]][1]
    assert "chooses not to cancel" in STANDARD[ours["NOT_CANCELED"]][1]


@pytest.mark.parametrize(
    ("keyword", "asked", "is_met"),
    [
        ("PatientID", "", True),
        ("PatientID", "P1", True),
        ("PatientID", "P", False),
        ("PatientID", "P*", True),
        ("PatientID", "?1", True),
        ("PatientID", "p1", False),
        ("PatientName", "okafor*", True),
        ("PatientName", "Okafor", False),
        ("StudyInstanceUID", ["1.2", "1.9"], True),
        ("StudyInstanceUID", "1.2.3", False),
        ("ScheduledProcedureStepStartDateTime", "20260504-20260505", True),
        ("ScheduledProcedureStepStartDateTime", "20260505-", False),
        ("ScheduledProcedureStepStartDateTime", "-20260504", True),
        ("ScheduledProcedureStepStartDateTime", "20260504", True),
        ("ScheduledProcedureStepStartDateTime", "20260504120000+0000", True),
        ("ScheduledProcedureStepStartDateTime", "20260504120000-0500", False),
        ("WorklistLabel", "Cartriage", False),
    ],
)
def test_a_key_is_met_as_the_standard_matches(keyword, asked, is_met):
    item, keys = Dataset(), Dataset()
    item.PatientID, item.PatientName, item.StudyInstanceUID = "P1", "Okafor^Daniel", "1.2"
    item.ScheduledProcedureStepStartDateTime = "20260504120000+0000"
    setattr(keys, keyword, asked)
    assert matches(item, keys) is is_met
    assert may_match(item.to_json_dict(), keys) or not is_met, "the quick look refuses nothing that matches"
    within, around = Dataset(), Dataset()
    within.ReferencedRequestSequence, around.ReferencedRequestSequence = [Dataset(), item], [keys]
    assert matches(within, around) is is_met


def test_what_a_query_names_is_answered_empty_where_there_is_nothing():
    keys = Dataset()
    keys.WorklistLabel = keys.TransactionUID = ""
    keys.ReferencedRequestSequence = []
    answer = wanted_of(Dataset(), keys)
    assert {one.keyword for one in answer} == {"WorklistLabel", "ReferencedRequestSequence"}
    assert answer[0x00741202] == DataElement(0x00741202, "LO", None)
