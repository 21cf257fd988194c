"""Signatures of what leaves the house: Ed25519 (RFC 8032) with a key that lies in the data folder."""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MARKS = ((b"<!-- cartriage-signature ed25519 ", b" -->\n"), (b"% cartriage-signature ed25519 ", b"\n"))
"""What a signed document's last line begins and ends with, in HTML and in PDF; between them public key and signature, which covers every
byte before the mark. Both are comments of their format."""
_RAW = serialization.Encoding.Raw


def key_of(data: Path) -> Ed25519PrivateKey:
    """The key of a data folder, made on first use, readable by its owner only."""
    path = data.resolve() / "keys" / "audit.key"
    if not path.exists():
        _make(path)
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_text(encoding="ascii")))


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half, base64: what an auditor keeps to check reports with."""
    return _text(key.public_key().public_bytes(_RAW, serialization.PublicFormat.Raw))


def signed(document: bytes, key: Ed25519PrivateKey) -> bytes:
    """An HTML or PDF document with its signature as a last line."""
    start, end = _MARKS[document.startswith(b"%PDF-")]
    return document + start + f"{public_text(key)} {_text(key.sign(document))}".encode() + end


def signer_of(document: bytes) -> str | None:
    """The public key that signed a document, base64; None if it is unsigned or was changed since."""
    start, end = _MARKS[document.startswith(b"%PDF-")]
    body, mark, tail = document.rpartition(start)
    words = tail.removesuffix(end).split(b" ")
    if not mark or not tail.endswith(end) or len(words) != 2:
        return None
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(words[0], validate=True))
        key.verify(base64.b64decode(words[1], validate=True), body)
    except (ValueError, InvalidSignature):
        return None
    return words[0].decode("ascii")


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    raw = Ed25519PrivateKey.generate().private_bytes(
        _RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_text(raw))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # the first of several processes wins; the others take its key
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
