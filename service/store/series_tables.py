"""Table of the series that settled while their study still arrived: what may be worked on before the study is whole."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import UID, Base


class SettledSeries(Base):
    """A series of a flagged patient's study, as it was when it settled. It may grow, and settle again."""

    __tablename__ = "settled_series"
    __table_args__ = (UniqueConstraint("study_instance_uid", "series_instance_uid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    series_instance_uid: Mapped[str] = mapped_column(UID)
    objects: Mapped[int]
    basis: Mapped[str] = mapped_column(String(16), comment="rules.settling.Ended")
    role: Mapped[str] = mapped_column(
        String(16), default="", comment="rules.anatomy.Role, told by a worker; empty until then"
    )
    settled_at: Mapped[datetime]
    warm_at: Mapped[datetime | None] = mapped_column(
        index=True, comment="when to ask the workers to warm their cache with it; null once asked"
    )
    reported_at: Mapped[datetime | None] = mapped_column(comment="when it went into a provisional result")
