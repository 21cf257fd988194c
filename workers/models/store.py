"""Which models there are: the one that comes with the product, and those of a folder."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers.models.card import OWN, Card, Engine, ModelRefused, read_card

_HERE = Path(__file__).parent
SHIPPED = {
    Engine.PLANES: _HERE / "flair_network" / "card.yaml",
    Engine.VOXELS: _HERE / "flair_lesion" / "card.yaml",
}
"""The product's own FLAIR lesion models, the better first."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The models of a folder, at most one for each engine."""

    lesion: Card | None = None
    mask: Card | None = None
    label_map: Card | None = None

    @property
    def label(self) -> str:
        """Names, versions and digests, so that a result is known to be theirs; empty for none."""
        return " ".join(
            f"{card.label} {card.sha256[:12]}" for card in (self.mask, self.label_map, self.lesion) if card
        )


@cache
def shipped(engine: Engine) -> Card:
    """A FLAIR lesion model of the product; raises ModelRefused."""
    return read_card(SHIPPED[engine])


def installed(folder: Path | None) -> Installed:
    """The models of a folder that holds one folder for each, with a card.yaml; None is no folder.

    Raises ModelRefused for a card that is wrong, or where two models want the same place: a worker had better not start
    than measure with something else than was asked for.
    """
    if folder is None:
        return Installed()
    if not folder.is_dir():
        raise ModelRefused(f"the folder of models {folder} is not there")
    found: dict[Engine, Card] = {}
    for path in sorted(folder.glob("*/card.yaml")):
        card = read_card(path)
        if card.engine in OWN:
            raise ModelRefused(f"{card.label}: a plug-in is a lesion, a mask or a label engine")
        if card.engine in found:
            raise ModelRefused(f"{card.label} and {found[card.engine].label} are both {card.engine} engines")
        found[card.engine] = card
    return Installed(found.get(Engine.LESION), found.get(Engine.MASK), found.get(Engine.LABEL))
