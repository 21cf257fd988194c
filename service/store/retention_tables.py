"""The tables of retention: whose images were deleted, and where the trail begins since its oldest events were written out."""

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import DIGEST, UID, Base


class Purge(Base):
    """The images of a study were deleted by its age. Its results, and what was told, stay."""

    __tablename__ = "purge"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    at: Mapped[datetime]
    objects: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    input_digest: Mapped[str] = mapped_column(DIGEST, comment="of the latest snapshot")


class AuditCheckpoint(Base):
    """The trail's events up to here were written to a file and removed; the chain goes on from this hash."""

    __tablename__ = "audit_checkpoint"

    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(unique=True, comment="of the last event that was removed")
    hash: Mapped[str] = mapped_column(DIGEST, comment="of that event")
    events: Mapped[int]
    file: Mapped[str] = mapped_column(Text, comment="name in the folder of the archive")
    sha256: Mapped[str] = mapped_column(String(64), comment="of the file")
    at: Mapped[datetime]
