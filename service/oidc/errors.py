"""Why somebody does not get in through the identity provider."""

from service.errors import ServiceError


class OidcError(ServiceError):
    """The sign-in did not succeed."""


class ProviderDownError(OidcError):
    """The identity provider does not answer."""


class NotTrustedError(OidcError):
    """The identity provider's answer cannot be trusted."""


class StartAgainError(OidcError):
    """This sign-in was used already, is too old, or was begun in another browser: start again."""


class RefusedThereError(OidcError):
    """The identity provider did not let you in."""


class NoRoleError(OidcError):
    """You are known, but none of your groups has a role here: ask the administrator of this service."""


class NameTakenError(OidcError):
    """Your name belongs to another account here: ask the administrator of this service."""


class EndedError(OidcError):
    """Your account was ended here: ask the administrator of this service."""
