"""Our worklist over DIMSE: a reading worklist finds, claims, finishes and watches it (PS3.4 annex CC)."""

from datetime import timedelta

import pytest
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    UnifiedProcedureStepPull,
)
from sqlalchemy import select

from rules.urgency import Priority
from service.outbox import Outbox
from service.settings import Settings
from service.store.tables import Announced, AuditEvent
from service.store.workitem_tables import WorkitemNews
from service.workitems.events import ALL, watch
from service.workitems.telling import tell_due
from tests.service.sending import NOON, STUDY
from tests.service.workitems.worklist import PERFORMED, decide, reader, watching

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]
OTHER = f"{STUDY}.2"


@pytest.fixture
def offering(settings) -> Settings:
    """A service that offers its worklist."""
    return settings.model_copy(update={"worklist": True})


def test_a_decided_study_is_found_claimed_and_finished(store, offering, listen):
    decide(store, offering, Priority.P2)
    decide(store, offering, Priority.P4, 2, OTHER)
    with listen(offering) as node, reader(node.port) as peer:
        whole = peer.find(ProcedureStepState="SCHEDULED", PatientID="", InputInformationSequence=[])
        assert [one.ScheduledProcedureStepPriority for one in whole] == ["HIGH", "MEDIUM"]
        assert [one.PatientID for one in whole] == ["P1", "P1"]
        (high,) = peer.find(ScheduledProcedureStepPriority="HIGH")
        uid = high.SOPInstanceUID
        request = Dataset()
        request.StudyInstanceUID = OTHER
        (low,) = peer.find(ReferencedRequestSequence=[request])
        assert low.SOPInstanceUID != uid

        status, shown = peer.get(uid)
        assert (status, shown.CommentsOnTheScheduledProcedureStep) == (0, "P2 urgent")
        assert "TransactionUID" not in shown
        assert peer.claim(uid) == 0
        assert peer.claim(uid) == 0xC302
        assert peer.claim(uid, "COMPLETED", key="1.2.3") == 0xC301
        assert peer.claim(uid, "COMPLETED") == 0xC304, "nothing was performed yet"
        assert peer.set(uid, "1.2.3", **{PERFORMED: [Dataset()]}) == 0xC301
        done = Dataset()
        done.PerformedProcedureStepDescription = "read"
        assert peer.set(uid, **{PERFORMED: [done]}) == 0
        assert peer.set(uid, ScheduledProcedureStepPriority="LOW") == 0x0001, "nobody lowers ours"
        assert peer.claim(uid, "COMPLETED") == 0
        assert peer.claim(uid, "COMPLETED") == 0xB306
        assert peer.claim(uid, "IN PROGRESS") == 0xC300
        status, shown = peer.get(uid, [0x00741000, 0x00741200])
        assert (shown.ProcedureStepState, shown.ScheduledProcedureStepPriority) == ("COMPLETED", "HIGH")
        assert peer.get("1.2.3")[0] == peer.claim("1.2.3") == 0xC307
        assert [one.SOPInstanceUID for one in peer.find(ProcedureStepState="SCHEDULED")] == [
            low.SOPInstanceUID
        ]
    with store.reading() as session:
        events = session.scalars(select(AuditEvent.event).where(AuditEvent.actor == "READERS")).all()
    assert {"workitems_found", "workitem_shown", "workitem_changed", "workitem_updated"} <= set(events)


def test_a_later_result_only_raises_and_a_raise_after_reading_is_a_workitem_of_its_own(
    store, offering, listen
):
    with listen(offering) as node, reader(node.port) as peer:
        decide(store, offering, Priority.P3)
        (first,) = peer.find()
        decide(store, offering, Priority.P1, 2)
        (raised,) = peer.find()
        assert (raised.SOPInstanceUID, raised.ScheduledProcedureStepPriority) == (
            first.SOPInstanceUID,
            "HIGH",
        )
        decide(store, offering, Priority.P3, 3)
        (kept,) = peer.find()
        assert kept.ScheduledProcedureStepPriority == "HIGH", "a later result with less lowers nothing"

        decide(store, offering, Priority.P3, 4, OTHER)
        (other,) = [one for one in peer.find() if one.SOPInstanceUID != first.SOPInstanceUID]
        assert peer.claim(other.SOPInstanceUID) == 0
        decide(store, offering, Priority.P3, 5, OTHER)
        assert len(peer.find()) == 2, "the same again is no news to who reads it already"
        decide(store, offering, Priority.P1, 6, OTHER)
        (second,) = [
            one
            for one in peer.find(ProcedureStepState="SCHEDULED")
            if one.SOPInstanceUID != first.SOPInstanceUID
        ]
        assert second.ScheduledProcedureStepPriority == "HIGH"


def test_no_message_takes_an_unread_study_off_the_list(store, offering, listen):
    decide(store, offering, Priority.P2)
    with listen(offering) as node, reader(node.port) as peer:
        (item,) = peer.find()
        uid = item.SOPInstanceUID
        assert peer.act(2, uid, ReasonForCancellation="not now") == 0xC313
        assert peer.claim(uid) == 0
        assert peer.act(2, uid, ReasonForCancellation="not now") == 0
        assert peer.claim(uid, "CANCELED") == 0
        (again,) = peer.find(ProcedureStepState="SCHEDULED")
        assert again.SOPInstanceUID != uid
        assert again.ScheduledProcedureStepPriority == "HIGH"


def test_a_watching_worklist_is_told_of_what_is_there_what_comes_and_what_changes(store, offering, listen):
    decide(store, offering, Priority.P4)
    with watching() as watcher:
        known = offering.model_copy(update={"worklist_subscribers": (watcher.subscriber,)})
        outbox = Outbox(store, known)
        with listen(known) as node, reader(node.port) as peer:
            assert peer.act(3, ALL, ReceivingAE="STRANGER", DeletionLock="FALSE") == 0xC308
            assert peer.act(3, ALL, ReceivingAE="READERS", DeletionLock="FALSE") == 0
            decide(store, offering, Priority.P1, 2, OTHER)
            (first,) = peer.find(ScheduledProcedureStepPriority="MEDIUM")
            assert peer.claim(first.SOPInstanceUID) == 0
            assert tell_due(outbox, watcher.subscriber, NOON + timedelta(days=1000)) == 3
            states = [
                (kind, told.ProcedureStepState, told.ScheduledProcedureStepPriority)
                for _, kind, told in watcher.told
            ]
            assert states == [
                (1, "SCHEDULED", "MEDIUM"),
                (1, "SCHEDULED", "HIGH"),
                (1, "IN PROGRESS", "MEDIUM"),
            ]
            assert peer.act(5, ALL, ReceivingAE="READERS") == 0
            decide(store, offering, Priority.P1, 3, f"{STUDY}.3")
            assert peer.act(4, ALL, ReceivingAE="READERS") == 0
            decide(store, offering, Priority.P1, 4)
            assert tell_due(outbox, watcher.subscriber, NOON + timedelta(days=1000)) == 0


def test_news_waits_for_a_worklist_that_is_down(store, offering):
    with watching() as watcher:
        known = offering.model_copy(
            update={"worklist_subscribers": (watcher.subscriber,), "delivery_backoff_s": 0.001}
        )
        outbox = Outbox(store, known)
        decide(store, known, Priority.P2)
        with store.session() as session:
            watch(session, ALL, "READERS", NOON)
        gone = watcher.subscriber.model_copy(update={"port": 1})
        assert tell_due(outbox, gone, NOON) == 1
        assert watcher.told == []
        watcher.status = 0x0110
        assert tell_due(outbox, watcher.subscriber, NOON + timedelta(days=1000)) == 1
        watcher.status = 0
        assert tell_due(outbox, watcher.subscriber, NOON + timedelta(days=1000)) == 1
        assert len(watcher.told) == 1
    with store.reading() as session:
        assert [one.state for one in session.scalars(select(WorkitemNews))] == ["told"]


def test_without_the_setting_there_is_no_worklist(store, settings, listen):
    decide(store, settings, Priority.P1)
    with listen(settings) as node:
        ae = AE("READERS")
        ae.add_requested_context(UnifiedProcedureStepPull)
        association = ae.associate("127.0.0.1", node.port, ae_title="CARTRIAGE")
        assert not association.is_established or not association.accepted_contexts
        ae.shutdown()


def test_what_the_node_serves_besides_goes_on_where_the_worklist_is_offered(store, offering, listen):
    step = Dataset()
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.ScheduledStepAttributesSequence = [Dataset()]
    step.ScheduledStepAttributesSequence[0].StudyInstanceUID = STUDY
    done = Dataset()
    done.PerformedProcedureStepStatus = "COMPLETED"
    asked = Dataset()
    asked.TransactionUID = "2.25.5"
    asked.ReferencedSOPSequence = [Dataset()]
    asked.ReferencedSOPSequence[0].ReferencedSOPClassUID = ModalityPerformedProcedureStep
    asked.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    with listen(offering) as node:
        ae = AE("MR1")
        ae.add_requested_context(ModalityPerformedProcedureStep)
        ae.add_requested_context(StorageCommitmentPushModel)
        peer = ae.associate("127.0.0.1", node.port, ae_title="CARTRIAGE")
        statuses = [
            peer.send_n_create(step, ModalityPerformedProcedureStep, "2.25.4")[0].Status,
            peer.send_n_set(done, ModalityPerformedProcedureStep, "2.25.4")[0].Status,
            peer.send_n_get([], ModalityPerformedProcedureStep, "2.25.4")[0].Status,
            peer.send_n_action(asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)[
                0
            ].Status,
        ]
        peer.release()
        ae.shutdown()
    assert statuses[:2] == [0, 0]
    assert statuses[2] != 0, "nobody reads a step here"
    assert statuses[3] == 0
    with store.reading() as session:
        assert [one.is_final for one in session.scalars(select(Announced))] == [True]
