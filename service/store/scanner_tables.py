"""What was measured on which scanner, kept small, for the performance page."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import DIGEST, UID, Base


class ScannerResult(Base):
    """One result: the scanner of its study, and the measurements that should not depend on disease."""

    __tablename__ = "scanner_result"
    __table_args__ = (Index("ix_scanner_result_scanner", "manufacturer", "model", "station", "done_at"),)

    job_id: Mapped[str] = mapped_column(DIGEST, ForeignKey("job.job_id"), primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    manufacturer: Mapped[str] = mapped_column(String(64), comment="(0008,0070)")
    model: Mapped[str] = mapped_column(String(64), comment="(0008,1090)")
    station: Mapped[str] = mapped_column(String(16), comment="(0008,1010)")
    measured: Mapped[dict[str, Any]] = mapped_column(comment="service.scanners.WATCHED to its value")
    reasons: Mapped[list[str]] = mapped_column(comment="why something was not assessed, without regions")
    is_assessed: Mapped[bool]
    done_at: Mapped[datetime] = mapped_column(index=True)
