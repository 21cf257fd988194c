"""Where results go, and how: one model for each way, all frozen, read from CARTRIAGE_DESTINATIONS."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag

from rules.routing import Cargo

OBJECTS = frozenset({Cargo.ORIGINALS, Cargo.SR, Cargo.SC, Cargo.SEG, Cargo.KOS})
NOTICES = frozenset({Cargo.NOTICE})


def checked_ae_title(value: str) -> str:
    """An application entity title (PS3.5 6.2, VR AE): 1-16 printable characters, no backslash, not only spaces."""
    if not 1 <= len(value.strip()) <= 16 or "\\" in value or not value.isascii() or not value.isprintable():
        raise ValueError("an AE title has 1 to 16 printable ASCII characters and no backslash")
    return value.strip()


AETitle = Annotated[str, AfterValidator(checked_ae_title)]
Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class Tls(BaseModel):
    """How a connection is secured. The peer's certificate is always checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: Path | None = None
    """Certificates that we trust, PEM; empty is the machine's own list."""
    certificate: Path | None = None
    """Our own certificate and key, PEM, where the peer asks who we are."""
    key: Path | None = None
    is_host_checked: bool = True
    """False only for peers whose certificate names no host, as many devices' do; the chain is checked all the same."""


class _Destination(BaseModel, ABC):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")

    @property
    def takes(self) -> frozenset[Cargo]:
        """What can be sent this way."""
        return OBJECTS

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, for people; never with a secret."""


class Destination(_Destination):
    """A PACS that objects are stored to over DIMSE (PS3.4 annex B)."""

    kind: Literal["dimse"] = "dimse"
    ae_title: AETitle
    host: str
    port: Port
    tls: Tls | None = None
    proof: Literal["response", "commitment", "read_back"] = "response"
    """What counts as proof that it arrived: the C-STORE response alone, Storage Commitment (PS3.4 annex J; the peer must
    know our address, it answers to our node), or that C-FIND shows the object."""
    is_multiframe: bool = True
    """False: the secondary capture goes as a single frame."""

    @property
    def address(self) -> str:
        return f"{self.ae_title}@{self.host}:{self.port}{' TLS' if self.tls else ''}"


class StowDestination(_Destination):
    """A PACS that objects are stored to over DICOMweb (PS3.18 10.5)."""

    kind: Literal["stow"]
    url: Url
    """Base of the DICOMweb service; `/studies` is added."""
    token: SecretStr | None = None
    """Bearer token."""
    tls: Tls | None = None
    proof: Literal["response", "read_back"] = "response"
    """`read_back` asks over QIDO-RS."""
    is_multiframe: bool = True

    @property
    def address(self) -> str:
        return self.url


class FolderDestination(_Destination):
    """A folder that objects are written into, one below for each study; proof is that the file reads back the same."""

    kind: Literal["folder"]
    folder: Path
    proof: Literal["read_back"] = "read_back"
    is_multiframe: bool = True

    @property
    def address(self) -> str:
        return str(self.folder)


class _NoticeDestination(_Destination):
    """Takes decisions as messages; their acknowledgement is their proof."""

    @property
    def takes(self) -> frozenset[Cargo]:
        return NOTICES

    @property
    def proof(self) -> Literal["response"]:
        return "response"


class Hl7Destination(_NoticeDestination):
    """An HL7 v2 receiver over MLLP: RIS or interface engine."""

    kind: Literal["hl7"]
    host: str
    port: Port
    tls: Tls | None = None
    application: str = ""
    """Receiving application and facility, MSH-5 and MSH-6."""
    facility: str = ""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}{' TLS' if self.tls else ''}"


class FhirDestination(_NoticeDestination):
    """A FHIR R4 server."""

    kind: Literal["fhir"]
    url: Url
    """Base of the server."""
    token: SecretStr | None = None
    tls: Tls | None = None

    @property
    def address(self) -> str:
        return self.url


class UpsDestination(_NoticeDestination):
    """A UPS SCP that keeps the readers' worklist."""

    kind: Literal["ups"]
    ae_title: AETitle
    host: str
    port: Port
    tls: Tls | None = None

    @property
    def address(self) -> str:
        return f"{self.ae_title}@{self.host}:{self.port}{' TLS' if self.tls else ''}"


class Subscriber(BaseModel):
    """A reading worklist that may watch ours: events go there (PS3.4 CC.2.4)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ae_title: AETitle
    host: str
    port: Port
    tls: Tls | None = None


class WebhookDestination(_NoticeDestination):
    """An address that is told that there is something to look at; never whom it is about."""

    kind: Literal["webhook"]
    url: Url
    token: SecretStr | None = None
    tls: Tls | None = None

    @property
    def address(self) -> str:
        return self.url


class MailDestination(_NoticeDestination):
    """People who are told by e-mail that there is something to look at; never whom it is about."""

    kind: Literal["mail"]
    host: str
    port: Port = 587
    tls: Tls | None = Tls()
    """STARTTLS; null only for a relay on this machine."""
    user: str = ""
    password: SecretStr | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)

    @property
    def address(self) -> str:
        return f"{', '.join(self.recipients)} by {self.host}:{self.port}"


def _kind(value: Any) -> str:
    return value.get("kind", "dimse") if isinstance(value, dict) else getattr(value, "kind", "dimse")


AnyDestination = Annotated[
    Annotated[Destination, Tag("dimse")]
    | Annotated[StowDestination, Tag("stow")]
    | Annotated[FolderDestination, Tag("folder")]
    | Annotated[Hl7Destination, Tag("hl7")]
    | Annotated[FhirDestination, Tag("fhir")]
    | Annotated[UpsDestination, Tag("ups")]
    | Annotated[WebhookDestination, Tag("webhook")]
    | Annotated[MailDestination, Tag("mail")],
    Discriminator(_kind),
]
