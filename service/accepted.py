"""What the node accepts: storage classes by configuration, transfer syntaxes by name, callers by title and address."""

import ipaddress
import ssl
from collections.abc import Iterable

from pynetdicom import AllStoragePresentationContexts
from pynetdicom.presentation import PresentationContext, build_context

from service.headers import is_uid
from service.settings import Settings

_STORAGE = "1.2.840.10008.5.1.4.1.1"
STORAGE_GROUPS: dict[str, tuple[str, ...]] = {
    "MR": ("4", "4.1", "4.2", "4.3", "4.4"),
    "CT": ("2", "2.1", "2.2"),
    "PET": ("128", "128.1", "130"),
    "SC": ("7", "7.1", "7.2", "7.3", "7.4"),
    "SR": ("88.11", "88.22", "88.33", "88.34", "88.35", "88.59"),
    "PR": ("11.1", "11.2", "11.3", "11.4", "11.8"),
    "SEG": ("66.4", "66.7"),
    "RAW": ("66",),
}
"""Storage classes by a word (PS3.4 B.5), behind the root of all storage classes. MR: classic, enhanced, spectroscopy, enhanced
colour, legacy converted. SR with key object selections."""
ALL = "ALL"
TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",  # explicit VR little endian first: of several in one context it is taken
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.201",  # HTJ2K lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K lossless, RPCL
    "1.2.840.10008.1.2.4.50",  # lossy ones last
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
)
"""Stored as received, and decoded by the workers. None that only points to its pixels (JPIP), and no video."""


def storage_contexts(settings: Settings) -> list[PresentationContext]:
    """A presentation context for each storage class that the settings name."""
    return [
        build_context(uid, list(TRANSFER_SYNTAXES))
        for uid in sorted(storage_classes(settings.storage_classes))
    ]


def storage_classes(words: Iterable[str]) -> frozenset[str]:
    """The UIDs of some groups and single classes. Raises ValueError if a word is neither."""
    found: set[str] = set()
    for word in words:
        if word == ALL:
            found.update(str(one.abstract_syntax) for one in AllStoragePresentationContexts)
        elif word in STORAGE_GROUPS:
            found.update(f"{_STORAGE}.{suffix}" for suffix in STORAGE_GROUPS[word])
        elif is_uid(word) and "." in word:
            found.add(word)
        else:
            raise ValueError(f"{word!r} is no group of storage classes and no UID")
    return frozenset(found)


def accepts_any_caller(settings: Settings) -> bool:
    """Whether no list of callers is needed: only while nobody outside this machine can call."""
    if settings.peers:
        return False
    if settings.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return False


def why_refused(ae_title: str, address: str, settings: Settings) -> str:
    """Why a caller is refused, one clause; empty if it may call."""
    if accepts_any_caller(settings):
        return ""
    networks = [network for title, network in map(_peer, settings.peers) if title == ae_title]
    if not networks:
        return "calling AE title not recognised"
    caller = _address(address)
    if any(network is None or caller in network for network in networks):
        return ""
    return "calling AE title not recognised from this address"


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What our side of a mutual TLS connection as a server needs, or None if TLS is off.

    The non-downgrading BCP 195 profile (PS3.15 B.12; RFC 9325): TLS 1.2 or newer, forward secrecy, authenticated encryption;
    the peer must show a certificate that one of our authorities signed.

    Raises OSError if a file cannot be read or is no certificate or key.
    """
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    context.load_verify_locations(settings.tls_authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _peer(entry: str) -> tuple[str, ipaddress.IPv4Network | ipaddress.IPv6Network | None]:
    title, _, network = entry.partition("@")
    return title.strip(), ipaddress.ip_network(network.strip(), strict=False) if network else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
