"""Model cards: what a model is, what it wants and gives, and the digest by which its weights are known.

A card is a YAML file; its weights lie beside it. Nothing is fetched: a model that is not on the disk is not there.
"""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import yaml

from rules.anatomy import Region, Role
from workers.imaging.parts import GROUND
from workers.models.external import has_external_data


class ModelRefused(ValueError):  # noqa: N818 - reads as what happened
    """A model whose card or weights are not as they should be."""


class Engine(StrEnum):
    """What a model stands in for."""

    VOXELS = "voxels"
    """Lesion probability of a voxel from its features; only the product's own."""
    PLANES = "planes"
    """Lesion probability of each pixel of a slice from its channels (workers.checks.planes); only the product's own."""
    LESION = "lesion"
    """Lesion probability of each voxel of a volume."""
    MASK = "mask"
    """Brain probability of each voxel of a volume."""
    LABEL = "label"
    """For each voxel of a volume the region that it belongs to."""


OWN = (Engine.VOXELS, Engine.PLANES)
"""Engines that no plug-in can be: what they take is the product's own."""


class Normalisation(StrEnum):
    """What is done to the signal before the model sees it."""

    WHITE_MATTER = "white_matter"
    """Without the receive field, lesion-free white matter being 1, 0 outside the brain."""
    Z_SCORE = "z_score"
    """As received, less the mean of the brain and over its standard deviation."""
    UNIT_RANGE = "unit_range"
    """As received, the 1st and 99th centile of the brain being 0 and 1, clipped."""


BACKGROUND = "background"
"""First class of a label engine: none of its regions."""

ORIENTATIONS = ("LPS", "RAS")
"""Directions in which i, j, k grow. The array is (1, 1, k, j, i) in either."""


@dataclass(frozen=True, slots=True)
class Card:
    """A model card.

    weights : ONNX file; features : names of the input columns or channels, VOXELS and PLANES only
    spacing_mm : voxel size (i, j, k) of the input volume; orientation : of its axes
    size : voxels (i, j, k) of the input volume, or None where the model takes any
    channel : which output channel is the probability; threshold : probability from which a voxel is called
    regions : what the output channels from the second on stand for, LABEL only; the largest channel is the voxel's class
    """

    name: str
    version: str
    sha256: str
    licence: str
    engine: Engine
    weights: Path
    features: tuple[str, ...] = ()
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    orientation: str = "LPS"
    size: tuple[int, int, int] | None = None
    normalisation: Normalisation = Normalisation.WHITE_MATTER
    classes: tuple[str, ...] = ()
    channel: int = 0
    threshold: float = 0.5
    regions: tuple[Region, ...] = ()

    @property
    def label(self) -> str:
        """Name and version, as evidence carries it."""
        return f"{self.name} {self.version}"


def read_card(path: Path) -> Card:
    """A card, its weights verified by digest.

    Raises ModelRefused, saying what is wrong.
    """
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise ModelRefused(f"{path.name} of {path.parent.name} cannot be read as YAML") from fault
    if not isinstance(written, dict):
        raise ModelRefused(f"{path.name} of {path.parent.name} is no model card")
    try:
        card = _parsed(written, path.parent)
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelRefused(f"{path.parent.name}/{path.name}: {_fault(fault)}") from fault
    _verify(card)
    return card


def _fault(fault: Exception) -> str:
    return f"{fault.args[0]} is missing" if isinstance(fault, KeyError) else str(fault)


def _parsed(written: dict[str, object], folder: Path) -> Card:
    for name in ("name", "version", "sha256", "licence", "engine", "weights", "input", "output"):
        if not written.get(name):
            raise KeyError(name)
    takes, gives = _section(written, "input"), _section(written, "output")
    _require_flair(takes)
    classes = tuple(str(one) for one in _list(gives, "classes"))
    engine = Engine(str(written["engine"]))
    is_label = engine is Engine.LABEL
    threshold = float(str(gives.get("threshold", 0.5)))
    if not 0 < threshold < 1:
        raise ValueError(f"threshold {threshold} is not between 0 and 1")
    card = Card(
        name=str(written["name"]),
        version=str(written["version"]),
        sha256=str(written["sha256"]).lower(),
        licence=str(written["licence"]),
        engine=engine,
        weights=folder / Path(str(written["weights"])).name,
        classes=classes,
        channel=0 if is_label else classes.index(str(gives["probability_of"])),
        threshold=threshold,
        regions=_regions(classes) if is_label else (),
    )
    if card.engine in OWN:
        return replace(card, features=tuple(str(one) for one in _list(takes, "features")))
    return replace(
        card,
        spacing_mm=_three(takes, "spacing_mm", least=0.2),
        orientation=_orientation(takes),
        size=_size(takes),
        normalisation=Normalisation(str(takes["normalisation"])),
    )


def _require_flair(takes: dict[str, object]) -> None:
    """Every engine is asked by the FLAIR check, and would be given a FLAIR whatever its card says."""
    role = Role(str(takes["role"]))
    if role is not Role.FLAIR:
        raise ValueError(f"role {role.value}: models are run on the {Role.FLAIR.value} alone")


def _regions(classes: tuple[str, ...]) -> tuple[Region, ...]:
    """The regions of a label engine: such as lie beside each other, each once."""
    if classes[0] != BACKGROUND or len(classes) < 2:
        raise ValueError(f"the classes of a label engine are {BACKGROUND} and then regions")
    regions = tuple(Region(one) for one in classes[1:])
    for one in regions:
        if one not in GROUND or regions.count(one) > 1:
            raise ValueError(f"class {one}: a label engine tells regions that do not overlap, each once")
    return regions


def _section(written: dict[str, object], name: str) -> dict[str, object]:
    section = written[name]
    if not isinstance(section, dict):
        raise TypeError(f"{name} is no section")
    return section


def _list(section: dict[str, object], name: str) -> list[object]:
    values = section[name]
    if not isinstance(values, list) or not values:
        raise TypeError(f"{name} is no list")
    return values


def _three(section: dict[str, object], name: str, least: float) -> tuple[float, float, float]:
    values = [float(str(one)) for one in _list(section, name)]
    if len(values) != 3 or min(values) < least:
        raise ValueError(f"{name} has to be three numbers of at least {least}")
    return values[0], values[1], values[2]


def _orientation(section: dict[str, object]) -> str:
    orientation = str(section["orientation"])
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation {orientation} is not one of {', '.join(ORIENTATIONS)}")
    return orientation


def _size(section: dict[str, object]) -> tuple[int, int, int] | None:
    if "size" not in section:
        return None
    i, j, k = (int(one) for one in _three(section, "size", least=8))
    return i, j, k


def _verify(card: Card) -> None:
    if not card.weights.is_file():
        raise ModelRefused(f"{card.label}: the weights {card.weights.name} are missing")
    model = card.weights.read_bytes()
    digest = hashlib.sha256(model).hexdigest()
    if digest != card.sha256:
        raise ModelRefused(f"{card.label}: the weights are not those of the card (digest {digest[:12]})")
    try:
        is_whole = not has_external_data(model)
    except ValueError as fault:
        raise ModelRefused(f"{card.label}: {card.weights.name} is {fault}") from fault
    if not is_whole:
        raise ModelRefused(
            f"{card.label}: {card.weights.name} keeps weights in another file, which the digest does not cover; save it as one file"
        )
