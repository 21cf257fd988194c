"""Reading back: does the archive show the object, asked over C-FIND (PS3.4 annex C) or QIDO-RS (PS3.18 10.6)."""

from collections.abc import Sequence

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from service import stow
from service.destinations import Destination, StowDestination
from service.scu import associate
from service.settings import Settings
from service.statuses import SUCCESS, is_pending
from service.store.tables import Delivery


def look(
    rows: Sequence[Delivery], destination: Destination | StowDestination, settings: Settings
) -> dict[str, bool]:
    """SOP Instance UID to whether the archive shows the object; one that could not be asked for is left out."""
    if isinstance(destination, StowDestination):
        return {
            row.sop_instance_uid: is_there
            for row in rows
            if (is_there := stow.is_there(row, destination, settings)) is not None
        }
    return _find_all(rows, destination, settings)


def _find_all(rows: Sequence[Delivery], destination: Destination, settings: Settings) -> dict[str, bool]:
    contexts = [build_context(StudyRootQueryRetrieveInformationModelFind)]
    association, _ = associate(destination, settings, contexts)
    if association is None:
        return {}
    found = {}
    try:
        for row in rows:
            if not association.is_established or not association.accepted_contexts:
                break
            is_there = _find(association, row)
            if is_there is not None:
                found[row.sop_instance_uid] = is_there
    except (RuntimeError, ValueError):  # the association was lost between two questions
        return found
    finally:
        if association.is_established:
            association.release()
    return found


def _find(association: Association, row: Delivery) -> bool | None:
    """At IMAGE level with all unique keys: an answer that names the object proves it, none denies it."""
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = row.study_instance_uid
    query.SeriesInstanceUID = row.series_instance_uid
    query.SOPInstanceUID = row.sop_instance_uid
    is_shown = False
    for status, answer in association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind):
        if "Status" not in status:
            return None
        code = int(status.Status)
        if is_pending(code):
            is_shown = is_shown or (
                answer is not None and str(answer.get("SOPInstanceUID")) == row.sop_instance_uid
            )
        elif code != SUCCESS:
            return None
    return is_shown
