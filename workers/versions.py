"""Which code made a result: package versions, and a digest of the measuring code itself."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rules.identity import derived_uid
from workers.reports.content import Device

_MEASURING = ("imaging", "checks", "models")
"""Packages whose code and data the measurements depend on."""
_DRAWING = ("figures", "key_frames.py", "key_slices.py", "reports")
"""Code that choice and pictures of the key slices depend on, beside the measuring code."""
_LIBRARIES = ("numpy", "scipy", "SimpleITK", "onnxruntime", "highdicom", "pydicom")


@cache
def code_digest() -> str:
    """SHA-256 over the measuring code and its data files, hexadecimal; with the policy's measurements it fixes every measurement."""
    return _digest(_MEASURING)


@cache
def drawing_digest() -> str:
    """SHA-256 over the code that draws key slices, hexadecimal."""
    return _digest(_DRAWING)


def _digest(places: tuple[str, ...]) -> str:
    """Over all files of some packages and modules of ours."""
    digest = hashlib.sha256()
    home = Path(__file__).parent
    for place in places:
        files = [home / place] if place.endswith(".py") else sorted((home / place).rglob("*"))
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(home).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Names to versions of everything that a measurement rests on, ours first."""
    return {
        "cartriage": version("cartriage"),
        "measuring code": code_digest()[:12],
        **{name: version(name) for name in _LIBRARIES},
    }


@cache
def device() -> Device:
    """This device as the reports name it; its UID changes with every version of the measuring code (IHE AIR)."""
    ours = version("cartriage")
    return Device(
        uid=derived_uid({"device": "cartriage", "version": ours, "code": code_digest()}), version=ours
    )
