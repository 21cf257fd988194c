"""The lesions of a random patient in template space: single ones, bands, regional patterns, confluent change."""

from dataclasses import dataclass
from enum import Enum

from torch import Tensor
from torch.nn import functional

from rules.anatomy import Region
from workers.models.training.network.drawing import Chance, Load, Rooms, Sizes, add_blobs
from workers.models.training.network.space import Space

SMALL, MEDIUM = Sizes(0.75, 0.45, 1.1, 6.0), Sizes(1.15, 0.55, 1.3, 14.0)
LARGE = Sizes(2.6, 0.35, 8.0, 26.0, (0.8, 3.0))
HEALTHY_SHARE = 0.13

_R = Region


class Kind(Enum):
    """Which tissue of its regions a pattern takes."""

    ALL = "all"
    GREY = "grey"
    WHITE = "white"
    NEAR_CORTEX = "near cortex"


PATTERNS: tuple[tuple[tuple[Region, ...], Kind], ...] = (
    ((_R.PARIETAL, _R.OCCIPITAL), Kind.NEAR_CORTEX),
    ((_R.PARIETAL, _R.OCCIPITAL, _R.FRONTAL, _R.TEMPORAL), Kind.NEAR_CORTEX),
    ((_R.THALAMUS,), Kind.ALL),
    ((_R.THALAMUS, _R.CAUDATE, _R.PUTAMEN, _R.PALLIDUM), Kind.ALL),
    ((_R.HIPPOCAMPUS, _R.TEMPORAL), Kind.GREY),
    ((_R.HIPPOCAMPUS, _R.INSULA, _R.CINGULATE), Kind.GREY),
    ((_R.SPLENIUM,), Kind.ALL),
    ((_R.SPLENIUM, _R.CALLOSAL_BODY, _R.GENU), Kind.ALL),
    ((_R.CAPSULE,), Kind.ALL),
    ((_R.PUTAMEN, _R.CAPSULE, _R.INSULA), Kind.ALL),
    ((_R.PONS, _R.MIDBRAIN), Kind.ALL),
    ((_R.PONS, _R.MEDULLA, _R.CEREBELLUM), Kind.ALL),
    ((_R.CEREBELLUM,), Kind.ALL),
    ((_R.MIDBRAIN,), Kind.ALL),
    ((_R.FRONTAL, _R.CINGULATE), Kind.GREY),
    ((_R.FRONTAL, _R.CENTRUM_SEMIOVALE), Kind.ALL),
    ((_R.TEMPORAL, _R.INSULA), Kind.NEAR_CORTEX),
    ((_R.PERIVENTRICULAR, _R.CENTRUM_SEMIOVALE), Kind.WHITE),
    ((_R.OCCIPITAL,), Kind.NEAR_CORTEX),
    ((_R.CAUDATE, _R.PUTAMEN), Kind.ALL),
    ((_R.THALAMUS,), Kind.ALL),
    ((_R.OCCIPITAL,), Kind.GREY),
    ((_R.PARIETAL, _R.OCCIPITAL), Kind.GREY),
    ((_R.FRONTAL, _R.PARIETAL), Kind.GREY),
    ((_R.TEMPORAL, _R.OCCIPITAL), Kind.GREY),
    ((_R.HIPPOCAMPUS,), Kind.ALL),
)


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """Shares of a person's tissues over template space."""

    fluid: Tensor
    cortex: Tensor
    grey: Tensor
    white: Tensor
    lesionable: Tensor


def lesions(space: Space, rooms: Rooms, tissue: Tissue, chance: Chance) -> Load:
    """What a random patient has; each patient's lesions share a range of brightness."""
    load = Load.nothing(space.shape, chance)
    if chance.happens(HEALTHY_SHARE):
        return load
    low = chance.between(1.1, 1.55) if chance.happens(0.8) else chance.between(1.07, 1.2)
    span = (low, low + chance.between(0.05, 0.6))
    kind = chance.between(0, 1)
    if kind < 0.42 or kind > 0.92:
        count = (2, 5, 10, 18, 30, 40)[chance.one_of(6)]
        add_blobs(load, rooms, count, span, SMALL if chance.happens(0.5) else MEDIUM, chance)
    if 0.38 < kind < 0.48 or (kind < 0.42 and chance.happens(0.45)):
        _band(load, span, space, tissue, chance)
    if 0.46 < kind < 0.90:
        for _ in range((1, 1, 2, 3)[chance.one_of(4)]):
            _pattern(load, span, space, tissue, chance)
    if kind > 0.89:
        _confluent(load, span, space, tissue, chance)
    if chance.happens(0.1):
        add_blobs(load, rooms, 1 + chance.one_of(2), span, LARGE, chance)
    return Load(load.share * tissue.lesionable, load.bright)


def _band(load: Load, span: tuple[float, float], space: Space, tissue: Tissue, chance: Chance) -> None:
    """White matter along the ventricles, to a depth that varies."""
    wave = 1 + chance.between(0.2, 0.7) * chance.noise(space.shape, chance.between(8, 20))
    reach = chance.between(2.2, 11) * wave + chance.between(0, 3) * chance.noise(space.shape, 5.0)
    weight = (0.5 + (reach - space.ventricle_mm) / chance.between(1, 3)).clamp(0, 1) * tissue.white
    weight = weight * (space.axes[0] > -20) * (space.ventricle_mm < 30)
    load.put(weight, chance.between(*span))


def _pattern(load: Load, span: tuple[float, float], space: Space, tissue: Tissue, chance: Chance) -> None:
    """A part of some regions, on both sides or one, with a soft or a sharp edge."""
    regions, kind = PATTERNS[chance.one_of(len(PATTERNS))]
    where = space.region(*regions).float()
    if chance.happens(0.3):
        left = space.axes[2] < 0
        where = where * (left if chance.happens(0.5) else ~left)
    size = (1, 3, 5)[chance.one_of(3)]
    where = functional.avg_pool3d(where[None, None], size, 1, size // 2)[0, 0]
    wide = chance.noise(space.shape, chance.between(14, 30))
    patches = (wide + wide.flip(2) * chance.between(0, 1)) / 1.3
    patches = patches + chance.between(0.2, 0.7) * chance.noise(space.shape, chance.between(3.5, 8))
    weight = (0.5 + (patches + chance.between(-1.2, 1.8)) / chance.between(0.3, 1.2)).clamp(0, 1)
    load.put(weight * where * _share(kind, tissue, chance), chance.between(*span))


def _share(kind: Kind, tissue: Tissue, chance: Chance) -> Tensor | float:
    match kind:
        case Kind.GREY:
            return (tissue.grey + 0.3 * tissue.white).clamp(max=1)
        case Kind.WHITE:
            return tissue.white
        case Kind.NEAR_CORTEX:
            near = functional.avg_pool3d(tissue.cortex[None, None], 9, 1, 4)[0, 0]
            return (chance.between(0.1, 0.8) + chance.between(2, 4) * near).clamp(0, 1)
        case Kind.ALL:
            return 1.0


def _confluent(load: Load, span: tuple[float, float], space: Space, tissue: Tissue, chance: Chance) -> None:
    """Most or all of the white matter."""
    wave = chance.noise(space.shape, chance.between(25, 50))
    wave = wave + chance.between(0.1, 0.5) * chance.noise(space.shape, chance.between(5, 12))
    weight = (0.5 + (wave + chance.between(-0.5, 2.5)) / chance.between(0.5, 1.5)).clamp(0, 1)
    weight = weight * tissue.white * (space.axes[0] > chance.between(-60, 0))
    load.put(weight, chance.between(*span))
