"""Which studies are not finished: nothing of them may ever be deleted by its age."""

from sqlalchemy import ColumnElement, exists, or_

from service.store.desk_tables import Acknowledgement
from service.store.tables import Delivery, Job, Study

_URGENT = ("P1", "P2")


def is_unfinished() -> ColumnElement[bool]:
    """A condition on Study: still arriving, not decided, not delivered, or an urgent alert that nobody acknowledged."""
    uid = Study.study_instance_uid
    waiting = exists().where(Job.study_instance_uid == uid, Job.state.in_(("owed", "failed")))
    owed = exists().where(Delivery.study_instance_uid == uid, Delivery.state.in_(("owed", "stored")))
    answered = exists().where(
        Acknowledgement.study_instance_uid == Job.study_instance_uid, Acknowledgement.priority <= Job.priority
    )
    alert = exists().where(Job.study_instance_uid == uid, Job.priority.in_(_URGENT), ~answered)
    return or_(Study.is_open, waiting, owed, alert)
