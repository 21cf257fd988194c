"""Settings of the service, from the environment (prefix CARTRIAGE_); embedded defaults need none."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _ae_title(value: str) -> str:
    """An application entity title (PS3.5 6.2, VR AE): 1-16 printable characters, no backslash, not only spaces."""
    if not 1 <= len(value.strip()) <= 16 or "\\" in value or not value.isascii() or not value.isprintable():
        raise ValueError("an AE title has 1 to 16 printable ASCII characters and no backslash")
    return value.strip()


def _peer(value: str) -> str:
    """An AE title, alone or with the address or network that it calls from."""
    title, at, network = value.partition("@")
    if at:
        ipaddress.ip_network(network.strip(), strict=False)
    return _ae_title(title) + (f"@{network.strip()}" if at else "")


OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
Peer = Annotated[str, AfterValidator(_peer)]
AETitle = Annotated[str, AfterValidator(_ae_title)]


class Destination(BaseModel):
    """A PACS that results are stored to over DIMSE."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    ae_title: AETitle
    host: str
    port: int = Field(ge=1, le=65535)


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
    storage_classes: tuple[str, ...] = ("MR", "SC", "SR", "PR", "SEG")
    """Storage classes the node accepts: groups (MR, CT, PET, SC, SR, PR, SEG, RAW, ALL) and single UIDs."""
    tls_certificate: OptionalPath = None
    """Our certificate (PEM, with its chain). With it the node speaks mutual TLS only."""
    tls_key: OptionalPath = None
    tls_authorities: OptionalPath = None
    """Certificates of the authorities that sign our peers' certificates (PEM)."""
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
    destinations: tuple[Destination, ...] = ()
    archives: tuple[Destination, ...] = ()
    """Archives that are asked by C-FIND how many objects an open study has."""
    archive_timeout_s: float = Field(default=10.0, gt=0)
    """Of each step of such a question."""
    archive_ask_after_s: float = Field(default=5.0, gt=0)
    """A study is asked for when nothing arrived for this long, and again after as long while it is open."""
    delivery_timeout_s: float = Field(default=30.0, gt=0)
    delivery_backoff_s: float = Field(default=5.0, gt=0)
    """First wait after a failed delivery; doubles up to `delivery_backoff_max_s`."""
    delivery_backoff_max_s: float = Field(default=900.0, gt=0)
    ring_again_s: float = Field(default=120.0, gt=0)
    """A handed-over job without a result is rung again after this long; doubles with each ring."""
    maximum_rings: int = Field(default=3, ge=1)
    """After so many rings the study is reported as not assessed."""
    maximum_unanalysed_rings: int = Field(default=3, ge=1)
    """After so many further rings the job is marked failed and shown to a person."""

    site_policy: OptionalPath = None
    """Folder of the site's overlay on the policy (docs/policy.md); the workers need the same."""

    log_format: Literal["json", "console"] = "json"

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        given = (self.tls_certificate, self.tls_key, self.tls_authorities)
        if any(given) and not all(given):
            raise ValueError("TLS needs a certificate, its key and the authorities of the peers")
        return self

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
    def files(self) -> Path:
        """Root of the file store, shared with the workers."""
        return self.data.resolve() / "files"
