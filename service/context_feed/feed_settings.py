"""Settings of the context feeds: who may send HL7 v2 here, and which FHIR server is asked."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from service.destinations import Tls, Url


def _sender(value: str) -> str:
    """A sending application (MSH-3), alone or with the address or network that it calls from; `*` is any application."""
    name, at, network = value.partition("@")
    if not name.strip():
        raise ValueError("a sender is named as in LIS@10.1.2.0/24, or *@10.1.2.0/24")
    if at:
        ipaddress.ip_network(network.strip(), strict=False)
    return name.strip() + (f"@{network.strip()}" if at else "")


class Hl7Feed(BaseModel):
    """A port for HL7 v2 messages over MLLP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=2575, ge=0, le=65535)
    """2575 is registered for HL7 (IANA)."""
    senders: tuple[Annotated[str, AfterValidator(_sender)], ...] = ()
    """Sending applications (MSH-3), each with the address or network that it calls from, if one is named. Empty: any on this
    machine, and nobody from elsewhere."""
    tls_certificate: Path | None = None
    """Our certificate, PEM. With it the port speaks mutual TLS only."""
    tls_key: Path | None = None
    tls_authorities: Path | None = None
    message_limit_kb: int = Field(default=1000, ge=1)
    timeout_s: float = Field(default=60.0, gt=0)
    """Longest silence on a connection, and longest time for one message."""
    maximum_connections: int = Field(default=16, ge=1)

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        given = (self.tls_certificate, self.tls_key, self.tls_authorities)
        if any(given) and not all(given):
            raise ValueError("TLS needs a certificate, its key and the authorities of the senders")
        return self

    def may_call(self, address: str) -> bool:
        """Whether any sender calls from this address."""
        if not self.senders:
            return _plain(address).is_loopback
        networks = [one.partition("@")[2] for one in self.senders]
        return any(not network or _is_in(address, network) for network in networks)

    def may_send(self, application: str, address: str) -> bool:
        """Whether this application may send from this address."""
        if not self.senders:
            return _plain(address).is_loopback
        parts = [one.partition("@") for one in self.senders]
        return any(
            name in ("*", application) and (not network or _is_in(address, network))
            for name, _, network in parts
        )


class FhirFeed(BaseModel):
    """A FHIR R4 server that is asked for what changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url
    """Base of the server."""
    token: SecretStr | None = None
    tls: Tls | None = None
    every_s: float = Field(default=60.0, ge=1)
    back_days: float = Field(default=30.0, gt=0)
    """How far back the very first question reaches."""

    @property
    def name(self) -> str:
        """For row and trail."""
        return self.url.split("//", 1)[1].split("/")[0][:64]


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address may come mapped into IPv6."""
    found = ipaddress.ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found


def _is_in(address: str, network: str) -> bool:
    return _plain(address) in ipaddress.ip_network(network, strict=False)
