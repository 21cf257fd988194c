"""The tables of the desk: the reading list as it is shown, who read what, and who may sign in."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import DIGEST, UID, Base

_NAME = String(64)


def _searched(length: int) -> String:
    """Text whose index finds its beginnings: compared by code point in both databases."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class WorklistEntry(Base):
    """One study as the reading list shows it: made from the rows of study, jobs and deliveries, and made anew at any time."""

    __tablename__ = "worklist_entry"
    __table_args__ = (
        Index("ix_worklist_entry_order", "is_flagged", "is_read", "place", "order_at", "study_instance_uid"),
        Index("ix_worklist_entry_ages_at", "ages_at"),
        Index("ix_worklist_entry_all", "is_read", "place", "order_at", "study_instance_uid"),
    )

    study_instance_uid: Mapped[str] = mapped_column(
        UID, ForeignKey("study.study_instance_uid"), primary_key=True
    )
    is_flagged: Mapped[bool]
    is_read: Mapped[bool] = mapped_column(comment="its latest result was assessed by a radiologist")
    place: Mapped[int] = mapped_column(comment="most urgent first; see service/reading_list.py")
    order_at: Mapped[datetime] = mapped_column(
        comment="within a place: when the target passes, else when it came"
    )
    target_at: Mapped[datetime | None]
    ages_at: Mapped[datetime | None] = mapped_column(comment="when the ageing guard looks at it next")
    patient_id: Mapped[str] = mapped_column(_searched(64), index=True)
    patient_name: Mapped[str] = mapped_column(String(324))
    search_name: Mapped[str] = mapped_column(_searched(324), index=True, comment="patient_name in capitals")
    birth_date: Mapped[date | None]
    accession_number: Mapped[str] = mapped_column(_searched(16), index=True)
    study_date: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(16))
    is_provisional: Mapped[bool] = mapped_column(comment="a newer result may still come")
    decided: Mapped[str | None] = mapped_column(String(2))
    shown: Mapped[str | None] = mapped_column(String(2), comment="decided, or one level higher by its age")
    why_raised: Mapped[str] = mapped_column(Text)
    could_be: Mapped[str | None] = mapped_column(String(2))
    headline: Mapped[str] = mapped_column(Text)
    not_assessed: Mapped[list[str]]
    day: Mapped[int | None] = mapped_column(comment="after infusion")
    icans_grade: Mapped[int | None]
    job_id: Mapped[str] = mapped_column(DIGEST, comment="of the latest result, else empty")
    deliveries: Mapped[int]
    deliveries_stored: Mapped[int]
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(_NAME)
    escalated: Mapped[int] = mapped_column(comment="steps of the ladder that were climbed")
    verdict: Mapped[str] = mapped_column(String(16), comment="of the latest result, else empty")


class WorklistState(Base):
    """How far the reading list has followed the trail; one row."""

    __tablename__ = "worklist_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(comment="of the last event that was followed")
    version: Mapped[int] = mapped_column(comment="counts each change of the list")
    at: Mapped[datetime] = mapped_column(comment="when it was last up to date")


class KeptFigures(Base):
    """The figures of a period, for the performance page: thrown away, they are found again."""

    __tablename__ = "kept_figures"

    days: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="of the period")
    at: Mapped[datetime] = mapped_column(comment="when they were found; their period's end")
    seconds: Mapped[float] = mapped_column(comment="that it took to find them")
    figures: Mapped[dict[str, Any]] = mapped_column(comment="service.figures.Figures as plain data")


class Acknowledgement(Base):
    """A radiologist took note of an alert."""

    __tablename__ = "acknowledgement"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id"))
    priority: Mapped[str] = mapped_column(String(2), comment="of the study, at that moment")
    user_name: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime]
    seconds: Mapped[float] = mapped_column(comment="since the result with this priority was there")
    target_seconds: Mapped[float | None] = mapped_column(comment="the reading target of the priority")


class Assessment(Base):
    """What a radiologist says of a result; the latest of a result counts, earlier ones stay."""

    __tablename__ = "assessment"
    __table_args__ = (CheckConstraint("verdict IN ('agree', 'disagree', 'other')", name="verdict"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id"), index=True)
    user_name: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    is_positive: Mapped[bool] = mapped_column(comment="the result had an imaging pattern present")


class Escalation(Base):
    """An urgent alert that nobody acknowledged, told to the next step of the ladder."""

    __tablename__ = "escalation"
    __table_args__ = (Index("ix_escalation_study", "study_instance_uid", "priority", "step", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"))
    priority: Mapped[str] = mapped_column(String(2))
    step: Mapped[int]
    told_to: Mapped[str] = mapped_column(_NAME)
    at: Mapped[datetime]


class Account(Base):
    """A person who may sign in."""

    __tablename__ = "account"
    __table_args__ = (Index("ix_account_subject", "issuer", "subject", unique=True),)

    name: Mapped[str] = mapped_column(_NAME, primary_key=True)
    full_name: Mapped[str] = mapped_column(String(128))
    password_hash: Mapped[str] = mapped_column(String(256), comment="argon2id")
    """Empty for somebody from the identity provider."""
    issuer: Mapped[str] = mapped_column(String(255), default="", comment="identity provider, else empty")
    subject: Mapped[str | None] = mapped_column(String(255), comment="whom the issuer means; null if local")
    roles: Mapped[list[str]]
    must_change: Mapped[bool] = mapped_column(comment="the password was given once and has to be changed")
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]


class SignIn(Base):
    """A session of a person in a browser. Its token is known to the browser only."""

    __tablename__ = "sign_in"

    token_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    account_name: Mapped[str] = mapped_column(ForeignKey("account.name"), index=True)
    form_token: Mapped[str] = mapped_column(_NAME, comment="what each of its forms has to carry")
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class SavedView(Base):
    """Filters and search of the reading list that somebody named."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("account_name", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_name: Mapped[str] = mapped_column(ForeignKey("account.name"))
    name: Mapped[str] = mapped_column(_NAME)
    show: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(2), comment="empty is all")
    text: Mapped[str] = mapped_column(_NAME, comment="what was searched for")
    created_at: Mapped[datetime]


class ApiToken(Base):
    """What lets another system use the REST interface. Its secret is known to that system only."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_NAME, unique=True)
    digest: Mapped[str] = mapped_column(DIGEST, unique=True, comment="SHA-256 of the secret")
    roles: Mapped[list[str]]
    created_by: Mapped[str] = mapped_column(_NAME)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInBegun(Base):
    """A sign-in that goes on at the identity provider; gone once the browser came back."""

    __tablename__ = "sign_in_begun"

    state_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    browser_digest: Mapped[str] = mapped_column(DIGEST, comment="of the secret in the browser's cookie")
    next_path: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime]


class AuditFeed(Base):
    """How far the trail was sent to the receiver of audit messages, one row."""

    __tablename__ = "audit_feed"

    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(comment="last event whose messages were handed to the receiver")
    sent_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None] = mapped_column(comment="the receiver does not take them since")


class AuditFeedTrouble(Base):
    """An event whose audit messages cannot be made or are never taken; the feed went on without it."""

    __tablename__ = "audit_feed_trouble"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    is_owed: Mapped[bool] = mapped_column(comment="a person wants it tried again")
