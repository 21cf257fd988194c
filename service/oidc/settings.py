"""What a site says of its identity provider."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from service.destinations import Tls

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def protected(url: str) -> str:
    """A URL that is safe to talk to. Raises ValueError."""
    parts = urlsplit(url)
    is_protected = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_protected or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an https URL without query (http only on this machine)")
    return url


class Oidc(BaseModel):
    """An OpenID Connect provider, and who gets which role from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, AfterValidator(protected)]
    """As the provider writes it itself, character by character; what it offers is read below it."""
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    """Empty for a public client; PKCE is used in any case."""
    label: str = Field(default="single sign-on", min_length=1, max_length=64)
    """What the button says."""
    scopes: tuple[str, ...] = ("openid", "profile")
    name_claim: str = "preferred_username"
    """Claim of the ID token that the trail calls a person by."""
    roles_claim: str = "groups"
    """Claim with a person's groups; a dot goes one level down, as in `realm_access.roles`."""
    roles: dict[str, tuple[Literal["radiologist", "coordinator", "auditor", "administrator"], ...]] = Field(
        min_length=1
    )
    """Group to the roles that it gives here. Whoever has none of these groups is turned away."""
    tls: Tls | None = None

    @property
    def token(self) -> None:
        """No credentials travel beside those of the request (service.http)."""
        return None
