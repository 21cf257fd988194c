"""A random person's brain in template space as one random contrast shows it, with and without disease."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rules.anatomy import Region
from workers.imaging.parts import GROUND
from workers.models.training.network.disease import Tissue, lesions
from workers.models.training.network.drawing import Chance, Load, Rooms, Sizes, add_blobs
from workers.models.training.network.space import Space

VISIBLE_FROM, VISIBLE_OVER = 0.04, 0.08
"""Relative rise of a voxel from which a lesion begins to be one, and over which it becomes one wholly. [P]"""
INFLOW = Sizes(1.2, 0.4, 1.5, 8.0, (1.5, 4.0))

_HABITS: dict[Region, tuple[float, float]] = {
    Region.PONS: (0.96, 1.14), Region.MIDBRAIN: (0.96, 1.12), Region.MEDULLA: (0.95, 1.14), Region.CEREBELLUM: (0.92, 1.1),
    Region.CAPSULE: (0.97, 1.1), Region.GENU: (0.85, 1.02), Region.SPLENIUM: (0.88, 1.06), Region.CALLOSAL_BODY: (0.85, 1.02),
    Region.INSULA: (1.0, 1.06), Region.CINGULATE: (1.0, 1.06),
}  # fmt: skip
"""Range of the healthy signal of a region over that of its tissue. [P]"""
_BRIGHT_PLACES = (
    ((0, -25, -25), 16), ((0, -30, -50), 16), ((26, -12, -20), 14), ((36, 8, -28), 16), ((0, -60, -35), 22), ((0, 0, 0), 30),
)  # fmt: skip
"""Middle (x of both sides, y, z) and width in mm of places that coils and flow make brighter in health."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """signal : white matter about 1; lesion : share; wide : logarithm of the lesions' gain, averaged over some 30 mm."""

    signal: Tensor
    lesion: Tensor
    wide: Tensor


def picture(space: Space, rooms: tuple[Rooms, Rooms], chance: Chance) -> Picture:
    """One person, one scanner; rooms are those of lesions and of inflow."""
    shares = _shares(space, chance)
    fluid = chance.between(0.08, 0.55)
    levels = _levels(fluid, chance)
    image = torch.einsum("tzyx,t->zyx", shares, torch.tensor(levels, device=chance.device))
    tissue = Tissue(
        fluid=shares[0],
        cortex=shares[1] + shares[3],
        grey=shares[1] + shares[3] + shares[4],
        white=shares[2] + shares[9],
        lesionable=1 - shares[0] - shares[7] - shares[8],
    )
    image = _varied(image, space, tissue, chance)
    image = _bright_fluid(image, fluid, (space, rooms[1]), tissue, chance)
    image = _harmless(image, space, tissue, chance)
    after, label = _diseased(image, fluid, lesions(space, rooms[0], tissue, chance), chance)
    return Picture(_with_surroundings(after, fluid, space, chance), label, _wide(after, image, space))


def _shares(space: Space, chance: Chance) -> Tensor:
    """Tissue shares of a person, with more or less fluid, sharper or softer, as they are or mirrored."""
    shares = space.people[chance.one_of(len(space.people))].float() / 31
    if chance.happens(0.3):
        shares = shares.flip(3)
    shares = torch.cat([shares[:1] * float(torch.exp(torch.tensor(chance.normal(0.35)))), shares[1:]])
    shares = shares ** chance.between(0.85, 1.9)
    return shares / shares.sum(0).clamp_min(1e-4) * space.brain


def _levels(fluid: float, chance: Chance) -> list[float]:
    """Signal of each tissue in the order of material.TISSUES, white matter being 1."""
    cortex = chance.between(0.93, 1.32)
    striatum, thalamus = (1 + (cortex - 1) * chance.between(*one) for one in ((0.2, 1.0), (-0.1, 0.8)))
    limbic, pallidum = cortex * chance.between(1, 1.12), chance.between(0.72, 1)
    choroid, dirty = chance.between(0.6, 1.7), chance.between(1, 1.17)
    vein = chance.between(1.2, 2) if chance.happens(0.06) else chance.between(0.15, 1.3)
    return [fluid, cortex, 1.0, limbic, striatum, thalamus, pallidum, choroid, vein, dirty]


def _varied(image: Tensor, space: Space, tissue: Tissue, chance: Chance) -> Tensor:
    """Regions, tracts and texture differ a little."""
    gains = torch.exp(torch.randn(len(GROUND) + 1, device=chance.device) * chance.between(0.005, 0.035))
    for region, limits in _HABITS.items():
        gains[GROUND.index(region) + 1] *= chance.between(*limits)
    gain = functional.avg_pool3d(gains[space.parts][None, None], 5, 1, 2, count_include_pad=False)[0, 0]
    solid = 1 - tissue.fluid
    texture = chance.between(0, 0.035) * chance.noise(space.shape, chance.between(10, 25))
    texture = texture + chance.between(0, 0.025) * chance.noise(space.shape, chance.between(3, 6))
    return image * (1 + (gain - 1) * solid) * (1 + solid * texture)


def _bright_fluid(
    image: Tensor, fluid: float, where: tuple[Space, Rooms], tissue: Tissue, chance: Chance
) -> Tensor:
    """Fluid that is not nulled, and inflow in ventricles and cisterns."""
    space, rooms = where
    if chance.happens(0.10):
        patch = (0.5 + chance.noise(space.shape, chance.between(25, 50)) + chance.between(-0.5, 1.2)).clamp(
            0, 1
        )
        if chance.happens(0.5):
            patch = patch * (space.axes[0] > chance.between(-40, 30))
        image = image + tissue.fluid * (space.ventricle_mm > 2) * patch * (chance.between(0.7, 1.6) - fluid)
    if chance.happens(0.35):
        spots = Load.nothing(space.shape, chance)
        add_blobs(spots, rooms, (1, 3, 6)[chance.one_of(3)], (0.6, 1.7), INFLOW, chance)
        image = image + tissue.fluid * spots.share * (spots.bright - fluid).clamp_min(0)
    return image


def _harmless(image: Tensor, space: Space, tissue: Tissue, chance: Chance) -> Tensor:
    """What is bright in health: the ventricles' lining, the septum, broad places."""
    z, y, x = space.axes
    if chance.happens(0.35):
        rim = ((1.6 - space.ventricle_mm) / 1.0).clamp(0, 1) * (space.ventricle_mm > 0) * tissue.lesionable
        image = image * (1 + rim * chance.between(0, 0.45))
    if chance.happens(0.35):
        septum = (1.8 - x.abs()).clamp(0, 1) * ((z > -2) & (z < 28) & (y > -40) & (y < 28))
        image = torch.maximum(image, septum * (space.ventricle_mm < 5) * chance.between(0.6, 1.5))
    for _ in range(1 + chance.one_of(2) if chance.happens(0.4) else 0):
        (at_x, at_y, at_z), width = _BRIGHT_PLACES[chance.one_of(len(_BRIGHT_PLACES))]
        sigma = width * chance.between(0.6, 1.4)
        squares = (z - at_z) ** 2 + (y - at_y) ** 2 + (x.abs() - at_x) ** 2
        image = image * (1 + chance.between(0, 0.16) * torch.exp(-squares / (2 * sigma * sigma)))
    return image


def _diseased(image: Tensor, fluid: float, load: Load, chance: Chance) -> tuple[Tensor, Tensor]:
    """Signal with the lesions, and the share of each voxel that is visibly lesion."""
    own = chance.between(0, 1)
    rough = 1 + chance.between(0, 0.09) * chance.noise(tuple(image.shape), chance.between(2.5, 6))
    rise = (load.bright * (own * image + (1 - own)) * rough - image).clamp_min(0)
    visible = ((rise / image.clamp_min(0.3) - VISIBLE_FROM) / VISIBLE_OVER).clamp(0, 1)
    after, label = image + load.share * rise, load.share * visible
    if chance.happens(0.05):
        core = ((load.share - 0.9) * 10).clamp(0, 1) * (chance.noise(tuple(image.shape), 8.0) > 0.3)
        after, label = after * (1 - core) + core * fluid, label * (1 - core)
    return after, label


def _wide(after: Tensor, before: Tensor, space: Space) -> Tensor:
    """What a fit of the receive field would take for field."""
    gain = torch.log((after + 0.2) / (before + 0.2)) * space.brain
    small = functional.avg_pool3d(torch.stack([gain, space.brain])[None], 8)
    for _ in range(4):
        small = functional.avg_pool3d(small, 5, 1, 2)
    mean = small[:, :1] / small[:, 1:].clamp_min(0.05)
    return functional.interpolate(mean, size=space.shape, mode="trilinear")[0, 0]


def _with_surroundings(image: Tensor, fluid: float, space: Space, chance: Chance) -> Tensor:
    """Fluid around the brain, then bone or scalp; nothing in a stripped scan."""
    width = chance.between(0.5, 4)
    beyond = chance.noise(space.shape, chance.between(5, 15)) * chance.between(0, 0.5) + chance.between(
        0.05, 0.9
    )
    beyond = beyond.clamp(0.02, 2.2) * (not chance.happens(0.2))
    water = torch.full_like(beyond, fluid * chance.between(0.6, 1.2))
    around = torch.where(space.outside_mm < width, water, beyond)
    return image * space.brain + (1 - space.brain) * around
