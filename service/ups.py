"""UPS: the decision as a workitem for the readers' worklist, created at a UPS SCP (PS3.4 annex CC, N-CREATE)."""

from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import UnifiedProcedureStepPush

from rules.notice import Notice
from rules.urgency_codes import ENCODINGS, PRIVATE_SCHEME, UPS_UNCHANGED, code_of
from service.codes import Code, coded
from service.destinations import AnyDestination, UpsDestination
from service.parcel import Outcome, Parcel, Trouble, failed
from service.scu import associate
from service.settings import Settings
from service.statuses import meaning_of

_INTERPRETATION = Code("110005", "DCM", "Interpretation")  # CID 9231
_EMPTY = (
    "TransactionUID",
    "AdmissionID",
    "PatientSex",
    "ReferringPhysicianName",
    "AdmittingDiagnosesDescription",
)
"""Type 2 of PS3.4 table CC.2.5-3 that we know nothing of."""


def send(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Create a workitem for each notice; one that is there already (0x0111) is what was wanted."""
    assert isinstance(destination, UpsDestination)  # noqa: S101 - the table of senders says so
    association, trouble = associate(destination, settings, [build_context(UnifiedProcedureStepPush)])
    if association is None:
        yield from ((parcel, failed(trouble)) for parcel in parcels)
        return
    try:
        for parcel in parcels:
            if parcel.notice is None:
                yield parcel, failed(Trouble.UNSENDABLE)
                continue
            try:
                status, _ = association.send_n_create(
                    workitem_of(parcel.notice), UnifiedProcedureStepPush, parcel.sop_instance_uid
                )
            except (RuntimeError, ValueError):
                yield parcel, failed(Trouble.ABORTED)
                return
            if "Status" not in status:
                yield parcel, failed(Trouble.NO_ANSWER)
                return
            code = int(status.Status)
            answer = meaning_of(code)
            yield parcel, Outcome(answer.is_stored, answer.words, code)
    finally:
        if association.is_established:
            association.release()


def workitem_of(notice: Notice) -> Dataset:
    """The attributes of a workitem to read the study (PS3.4 table CC.2.5-3)."""
    encoding = ENCODINGS.get(notice.priority)
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _EMPTY:
        setattr(item, keyword, None)
    item.ScheduledProcedureStepPriority = encoding.ups_priority if encoding else UPS_UNCHANGED
    item.ProcedureStepLabel = "Read: suspected CAR-T neurotoxicity triage"
    item.WorklistLabel = "Cartriage"
    item.ScheduledProcedureStepStartDateTime = f"{notice.decided_at:%Y%m%d%H%M%S%z}"
    item.ScheduledProcessingParametersSequence = []
    item.ScheduledWorkitemCodeSequence = [coded(_INTERPRETATION)]
    item.CommentsOnTheScheduledProcedureStep = notice.headline
    item.InputReadinessState = "READY"
    item.InputInformationSequence = [_reference(notice)]
    item.PatientName, item.PatientID = notice.patient.name, notice.patient.patient_id
    item.IssuerOfPatientID = notice.patient.issuer
    item.PatientBirthDate = f"{notice.patient.birth_date:%Y%m%d}" if notice.patient.birth_date else ""
    item.ReferencedRequestSequence = [_request(notice)]
    item.ReasonForRequestedProcedureCodeSequence = _reasons(notice)
    item.ProcedureStepState = "SCHEDULED"
    item.ProcedureStepProgressInformationSequence = []
    item.UnifiedProcedureStepPerformedProcedureSequence = []
    return item


def _reasons(notice: Notice) -> list[Dataset]:
    encoding = ENCODINGS.get(notice.priority)
    ours = coded(Code(code_of(notice.priority)[0], PRIVATE_SCHEME, code_of(notice.priority)[1]))
    return [ours, *([coded(Code(encoding.acr_code, "RADLEX", encoding.acr_meaning))] if encoding else [])]


def _reference(notice: Notice) -> Dataset:
    """The study's reports as input: what a reader's station opens first."""
    item = Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID = notice.study_instance_uid
    item.SeriesInstanceUID = notice.reports[0].series_instance_uid if notice.reports else ""
    item.ReferencedSOPSequence = [
        _instance(one.sop_class_uid, one.sop_instance_uid) for one in notice.reports
    ]
    return item


def _request(notice: Notice) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = notice.study_instance_uid
    item.AccessionNumber = notice.accession_number
    item.RequestedProcedureID = ""
    item.RequestedProcedureDescription = notice.study_description
    item.RequestedProcedureCodeSequence = []
    return item


def _instance(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item
