"""Where earlier studies are looked for: one model for each way, all frozen, read from CARTRIAGE_ARCHIVES."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag

from service.destinations import Destination, Tls, Url


class Archive(Destination):
    """An archive that is asked over DIMSE (PS3.4 annex C)."""

    retrieve: Literal["get", "move"] = "get"
    """How earlier studies come: C-GET on our own association, or C-MOVE to `prior_ae_title`, which the archive must know."""


class WebArchive(BaseModel):
    """An archive that is asked over DICOMweb: QIDO-RS and WADO-RS (PS3.18 10.6, 10.4)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dicomweb"]
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    url: Url
    """Base of the service, as in https://pacs/dicom-web."""
    token: SecretStr | None = None
    tls: Tls | None = None


def _kind(value: Any) -> str:
    return value.get("kind", "dimse") if isinstance(value, dict) else getattr(value, "kind", "dimse")


AnyArchive = Annotated[
    Annotated[Archive, Tag("dimse")] | Annotated[WebArchive, Tag("dicomweb")], Discriminator(_kind)
]
