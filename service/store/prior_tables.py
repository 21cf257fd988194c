"""Tables of the priors that were fetched: apart from what was sent to us, so that nothing of them is ever settled, analysed or sent on."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import DIGEST, UID, Base


class PriorSearch(Base):
    """What became of the search for earlier studies of one study's patient in the archives."""

    __tablename__ = "prior_search"
    __table_args__ = (CheckConstraint("state IN ('owed', 'done', 'given_up')", name="state"),)

    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(Text, default="", comment="why nothing was fetched, one clause")
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime]


class PriorInstance(Base):
    """One object that was fetched to compare with; its study stands here as a whole or not at all."""

    __tablename__ = "prior_instance"
    __table_args__ = (UniqueConstraint("sop_instance_uid", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    series_instance_uid: Mapped[str] = mapped_column(UID)
    sop_instance_uid: Mapped[str] = mapped_column(UID)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    patient_id: Mapped[str] = mapped_column(String(64), index=True)
    issuer: Mapped[str] = mapped_column(String(64), default="")
    birth_date: Mapped[date]
    study_date: Mapped[date]
    path: Mapped[str] = mapped_column(Text, comment="relative to the file store's root")
    sha256: Mapped[str] = mapped_column(DIGEST)
    archive: Mapped[str] = mapped_column(String(32), comment="name of the archive that it came from")
    fetched_at: Mapped[datetime]
