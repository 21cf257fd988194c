"""Settings of the service, from the environment (prefix CARTRIAGE_); embedded defaults need none."""

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rules.anatomy import Role
from rules.routing import Cargo
from service.archives import AnyArchive
from service.context_feed.feed_settings import FhirFeed, Hl7Feed
from service.destinations import AETitle, AnyDestination, Destination, Subscriber, Tls, checked_ae_title
from service.oidc.settings import Oidc

__all__ = ["AETitle", "Destination", "Settings"]

WEB_FILE = "web.json"
"""Where the web pages listen, in the data folder, while they do."""
DICOMWEB_FILE = "dicomweb.json"
"""The same of the process that takes objects over the web."""
LEAST_RETENTION_DAYS = 60
"""A study is decided again for 30 days after it came (service/assembly.py): its images stay for twice as long at least."""
LEAST_EVENT_DAYS = 365


class Step(BaseModel):
    """One step of the ladder: whom to tell of an urgent alert that nobody acknowledged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    priority: Literal["P1", "P2"]
    after_min: float = Field(gt=0)
    """Minutes since the result was there."""
    tell: str = Field(min_length=1, max_length=64)
    """As in `neuroradiologist on call`."""
    by: tuple[str, ...] = ()
    """Names of destinations that carry the notice: mail, webhook, HL7 or FHIR. Empty: only the pages and the trail show the step."""


class WebSender(BaseModel):
    """Somebody who may store over the web."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ae_title: AETitle
    """The name by which routes and the trail know it."""
    token: SecretStr = Field(min_length=16)
    """Its bearer token."""


class Forward(BaseModel):
    """What a sender stores here goes on, as it comes, to destinations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: AETitle
    to: tuple[str, ...] = Field(min_length=1)
    """Names of destinations."""


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _peer(value: str) -> str:
    """An AE title, alone or with the address or network that it calls from."""
    title, at, network = value.partition("@")
    if at:
        ipaddress.ip_network(network.strip(), strict=False)
    return checked_ae_title(title) + (f"@{network.strip()}" if at else "")


def _maybe_json(value: object) -> object:
    """An empty variable of the environment stands for nothing."""
    return (json.loads(value) if value else None) if isinstance(value, str) else value


OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
OptionalNumber = Annotated[int | None, BeforeValidator(lambda value: None if value == "" else value)]
Peer = Annotated[str, AfterValidator(_peer)]


class Settings(BaseSettings):
    """Everything a site sets. Clinical numbers are never here: they are policy."""

    model_config = SettingsConfigDict(
        env_prefix="CARTRIAGE_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    data: Path = Path("data")
    """Folder of the file store and of the embedded database and broker."""
    database_url: str = ""
    """SQLAlchemy URL; empty is SQLite in the data folder."""
    redis_url: str = Field(default="", pattern=r"^$|^(rediss?|redis\+socket)://.")
    """Broker, as redis://, rediss:// or redis+socket:// (Unix socket); empty is an embedded Redis on a Unix socket
    in the data folder. `cartriage up` sets it for all its processes."""

    ae_title: AETitle = "CARTRIAGE"
    """Our AE title, as SCP and as SCU."""
    host: str = "127.0.0.1"
    """Address the node listens on."""
    port: int = Field(default=11112, ge=0, le=65535)
    peers: tuple[Peer, ...] = ()
    """Calling AE titles the node accepts, each with the address or network that it must call from, if one is named (`MR1@10.1.2.0/24`).
    Empty accepts any caller while the node listens on loopback only, and none as soon as it listens elsewhere."""
    dicomweb_host: str = "127.0.0.1"
    """Address that takes objects over the web (STOW-RS)."""
    dicomweb_port: OptionalNumber = Field(default=None, ge=0, le=65535)
    """Its port; empty takes none over the web."""
    dicomweb_senders: tuple[WebSender, ...] = ()
    """Who may store over the web; empty is anybody on this machine."""
    storage_classes: tuple[str, ...] = ("MR", "SC", "SR", "PR", "SEG")
    """Storage classes the node accepts: groups (MR, CT, PET, SC, SR, PR, SEG, RAW, ALL) and single UIDs."""
    tls_certificate: OptionalPath = None
    """Our certificate (PEM, with its chain). With it the node speaks mutual TLS only."""
    tls_key: OptionalPath = None
    tls_authorities: OptionalPath = None
    """Certificates of the authorities that sign our peers' certificates (PEM)."""
    rows_apart: bool = True
    """Whether a process of their own writes the rows of what the node receives: Python keeps one process to one core."""
    maximum_associations: int = Field(default=10, ge=1)
    network_timeout_s: float = Field(default=60.0, gt=0)
    """A sender that is silent for so long is aborted."""
    message_timeout_s: float = Field(default=600.0, gt=0)
    """Longest time from the first to the last byte of one message, however steadily they trickle in."""
    association_timeout_s: float = Field(default=14400.0, gt=0)
    """Longest life of an association; it ends between two messages."""
    object_limit_mb: int = Field(default=4096, ge=1)
    """Larger objects are refused with 0xA700."""
    disk_watermark_mb: int = Field(default=1024, ge=0)
    """Below this free space the node answers 0xA700 (out of resources)."""

    quiet_time_s: float = Field(default=30.0, gt=0)
    """A study is settled when nothing arrived for this long, whatever is still missing."""
    settle_after_s: float = Field(default=2.0, ge=0)
    """A study that is whole by evidence is settled when nothing arrived for this long."""
    series_quiet_s: float = Field(default=3.0, gt=0)
    """A series is taken for whole, to begin with its analysis, when nothing of it arrived for this long."""
    required_series: tuple[Role, ...] = ()
    """Roles of the series that every study of the site's protocol has; a study that has all of them is whole by evidence. Empty: no such evidence."""
    is_provisional: bool = True
    """Whether a study that still arrives gets a provisional result from its first sufficient series."""
    destinations: tuple[AnyDestination, ...] = ()
    forward: tuple[Forward, ...] = ()
    """Which sender's objects are passed on at once, byte for byte, to which destinations."""
    routing: OptionalPath = None
    """The site's own routing.yaml; empty is every result to every destination."""
    commitment_peers: tuple[Destination, ...] = ()
    """Where peers that ask us for Storage Commitment take the answer, once their association has ended; archives and destinations
    need not be named again."""
    archives: tuple[AnyArchive, ...] = ()
    """Archives that are asked for earlier studies to compare with (C-FIND with C-GET or C-MOVE, or DICOMweb), and those over DIMSE
    also how many objects an open study has."""
    archive_timeout_s: float = Field(default=10.0, gt=0)
    """Of each step of such a question."""
    archive_ask_after_s: float = Field(default=5.0, gt=0)
    """A study is asked for when nothing arrived for this long, and again after as long while it is open."""
    prior_timeout_s: float = Field(default=120.0, gt=0)
    """Longest time in which an archive has to send an earlier study; no study waits for it."""
    prior_ae_title: AETitle = "CARTRIAGE_PRIORS"
    """Where an archive sends earlier studies to on a C-MOVE; it must know this title with our host and `prior_port`."""
    prior_port: int = Field(default=11113, ge=1, le=65535)
    prior_limit_objects: int = Field(default=2000, ge=1)
    prior_limit_mb: int = Field(default=1000, ge=1)
    """A larger earlier study is not fetched (MB of 10^6 bytes)."""
    delivery_timeout_s: float = Field(default=30.0, gt=0)
    delivery_backoff_s: float = Field(default=5.0, gt=0)
    """First wait after a failed delivery; doubles up to `delivery_backoff_max_s`."""
    delivery_backoff_max_s: float = Field(default=900.0, gt=0)
    proof_timeout_s: float = Field(default=60.0, gt=0)
    """A stored object that is not proven within this is asked for again, and then sent again."""
    proof_target_s: float = Field(default=300.0, gt=0)
    """A P1 or P2 result that is not proven at a destination within this, counted from the decision, alarms."""
    worklist: bool = False
    """Offer decided studies as a worklist of our own: UPS Pull and Watch on the node's port, UPS-RS where `dicomweb_port` is."""
    worklist_subscribers: tuple[Subscriber, ...] = ()
    """Who may watch it over DIMSE, and where events go."""
    ring_again_s: float = Field(default=120.0, gt=0)
    """A handed-over job without a result is rung again after this long; doubles with each ring."""
    maximum_rings: int = Field(default=3, ge=1)
    """After so many rings the study is reported as not assessed."""
    maximum_unanalysed_rings: int = Field(default=3, ge=1)
    """After so many further rings the job is marked failed and shown to a person."""

    web_host: str = "127.0.0.1"
    """Address the web pages listen on."""
    web_port: int = Field(default=11180, ge=0, le=65535)
    web_url: str = Field(default="", pattern=r"^$|^https?://[^/]+$")
    """What people type, if it is not the address itself: `https://…` of a proxy in front."""
    web_certificate: OptionalPath = None
    web_key: OptionalPath = None
    """PEM files of our own TLS."""
    web_idle_min: float = Field(default=30.0, gt=0)
    """A person who does nothing for this long has to sign in again; after 12 h in any case."""
    oidc: Annotated[Oidc | None, BeforeValidator(lambda value: value or None)] = None
    """The site's identity provider (OpenID Connect); empty is none."""
    local_sign_in: Literal["everybody", "administrators", "nobody"] = "everybody"
    """Who may sign in with a password of this service: `administrators` is the emergency access beside an identity provider."""
    viewer_url: str = Field(default="", pattern=r"^$|^https?://.*\{study\}")
    """The site's own viewer, as in https://pacs/ohif/viewer?StudyInstanceUIDs={study}; empty shows no link."""
    web_masks: bool = True
    """Whether the volume viewer offers to colour where the checks measured: never before somebody asks, and each time an event."""
    escalation: tuple[Step, ...] = ()
    """The ladder for alerts that nobody acknowledges; empty escalates nothing."""
    context_hl7: Annotated[Hl7Feed | None, NoDecode, BeforeValidator(_maybe_json)] = None
    """A port for HL7 v2 messages that tell of the clinical context; empty listens nowhere."""
    context_fhir: Annotated[FhirFeed | None, NoDecode, BeforeValidator(_maybe_json)] = None
    """A FHIR R4 server that is asked for the clinical context; empty asks none."""
    context_map: OptionalPath = None
    """The site's own codes for the context (docs/context.md); empty is the packaged mapping."""
    audit_anchors: OptionalPath = None
    """File, on a medium that the database's owner cannot change, that the end of the trail is written to each hour."""
    audit_syslog: str = Field(
        default="", pattern=r"^$|^(udp|tls)://(\[[0-9a-fA-F:]+\]|[^\[\]:/@\s]+):[0-9]{1,5}$"
    )
    """Receiver of DICOM audit messages, as in tls://arr.hospital.example:6514 (RFC 5425) or udp://10.0.0.9:514 (RFC 5426); empty is none."""
    audit_syslog_tls: Tls = Tls()
    """Over TLS: whom we trust, and our own certificate."""

    retention_days: int = Field(default=0, ge=0)
    """Images of finished studies that are older are deleted; 0 keeps them, and less than 60 is refused."""
    retention_event_days: int = Field(default=0, ge=0)
    """Older events of the trail are written to `retention_archive` and removed; 0 keeps them, and less than 365 is refused."""
    retention_archive: OptionalPath = None
    """Folder of the events that were removed."""

    workers: int = Field(default=1, ge=1)
    """Studies that the worker beside us analyses at the same time, each in a process of its own."""
    worker_threads: OptionalNumber = Field(default=None, ge=1)
    """Threads of each of these processes; None shares the cores out among them. Here, so that a wrong one is told at the start."""
    site_policy: OptionalPath = None
    """Folder of the site's overlay on the policy (docs/policy.md); the workers need the same."""

    log_format: Literal["json", "console"] = "json"

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        given = (self.tls_certificate, self.tls_key, self.tls_authorities)
        if any(given) and not all(given):
            raise ValueError("TLS needs a certificate, its key and the authorities of the peers")
        return self

    @model_validator(mode="after")
    def _forward_leads_somewhere(self) -> Self:
        takers = {one.name: one for one in self.destinations if Cargo.ORIGINALS in one.takes}
        for one in self.forward:
            if unknown := set(one.to) - takers.keys():
                raise ValueError(f"forward: no destination for objects is named {', '.join(sorted(unknown))}")
            if any(getattr(takers[name], "ae_title", None) == one.sender for name in one.to):
                raise ValueError(f"forward: {one.sender} would get back what it sends")
        return self

    @model_validator(mode="after")
    def _dicomweb_is_protected(self) -> Self:
        is_open = self.dicomweb_port is not None and not _loopback(self.dicomweb_host)
        if is_open and not (self.dicomweb_senders and self.tls_certificate):
            raise ValueError("off loopback STOW-RS needs dicomweb_senders and tls_certificate")
        return self

    @model_validator(mode="after")
    def _web_is_protected(self) -> Self:
        if bool(self.web_certificate) != bool(self.web_key):
            raise ValueError("web_certificate and web_key belong together")
        if not _loopback(self.web_host) and not self.is_web_secure:
            raise ValueError(
                "off loopback the web pages need web_certificate and web_key, or a proxy with TLS (web_url=https://…)"
            )
        return self

    @model_validator(mode="after")
    def _retention_is_safe(self) -> Self:
        for name, days, least in (
            ("retention_days", self.retention_days, LEAST_RETENTION_DAYS),
            ("retention_event_days", self.retention_event_days, LEAST_EVENT_DAYS),
        ):
            if 0 < days < least:
                raise ValueError(f"{name} is 0 or at least {least}")
        if self.retention_event_days and self.retention_archive is None:
            raise ValueError("retention_event_days needs retention_archive, a folder for the events that go")
        return self

    @model_validator(mode="after")
    def _ladder_leads_somewhere(self) -> Self:
        ways = {one.name for one in self.destinations if one.kind in ("mail", "webhook", "hl7", "fhir")}
        lost = {name for step in self.escalation for name in step.by} - ways
        if lost:
            raise ValueError(
                f"escalation: no mail, webhook, HL7 or FHIR destination is named {', '.join(sorted(lost))}"
            )
        return self

    @model_validator(mode="after")
    def _somebody_gets_in(self) -> Self:
        if self.local_sign_in == "nobody" and self.oidc is None:
            raise ValueError("without oidc nobody could sign in")
        return self

    @property
    def is_web_secure(self) -> bool:
        """Whether people reach the web pages over TLS."""
        return self.web_certificate is not None or self.web_url.startswith("https://")

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.database_file}"

    @property
    def database_file(self) -> Path:
        """Where the embedded database lies."""
        return self.data.resolve() / "cartriage.sqlite3"

    @property
    def broker(self) -> str:
        """The broker URL in force."""
        return self.redis_url or f"redis+socket://{self.data.resolve() / 'redis.sock'}"

    @property
    def policies(self) -> Path:
        """Where every policy that was in force is kept, for replay."""
        return self.data.resolve() / "policies"

    @property
    def files(self) -> Path:
        """Root of the file store, shared with the workers."""
        return self.data.resolve() / "files"
