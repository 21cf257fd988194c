"""Template space on a GPU: tissue priors, regions, distances, and persons' tissue fractions."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rules.anatomy import Region
from workers.imaging.parts import GROUND
from workers.models.training.network.drawing import Rooms

HINDBRAIN = (Region.MIDBRAIN, Region.PONS, Region.MEDULLA, Region.CEREBELLUM)


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Maps over the simulator's box of the brain, 1 mm, (z, y, x); see network.material.

    grey, white, brain : the template's, 0 to 1; parts : place of the ground region in GROUND, from 1
    ventricle_mm, depth_mm, outside_mm : distance to the lateral and third ventricles, to the outside, to the brain
    mm : places along z, y and x; low : the first of each
    people : fractions of network.material.TISSUES, in 31sts
    """

    grey: Tensor
    white: Tensor
    brain: Tensor
    parts: Tensor
    ventricle_mm: Tensor
    depth_mm: Tensor
    outside_mm: Tensor
    mm: tuple[Tensor, Tensor, Tensor]
    low: tuple[float, float, float]
    people: list[Tensor] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""
        nz, ny, nx = self.grey.shape
        return nz, ny, nx

    @property
    def axes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Open mesh of z, y and x in mm."""
        z, y, x = self.mm
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def region(self, *regions: Region) -> Tensor:
        """The voxels of some regions."""
        wanted = torch.zeros(len(GROUND) + 1, dtype=torch.bool, device=self.grey.device)
        for region in regions:
            wanted[GROUND.index(region) + 1] = True
        return wanted[self.parts]

    def rooms(self) -> Rooms:
        """Where single lesions sit."""
        hind = self.region(*HINDBRAIN)
        grey, white = self.grey, self.white
        deep = (Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.CAPSULE)
        kinds = (
            ((white > 0.6) & (self.ventricle_mm < 9) & ~hind, 0.34),
            ((white > 0.8) & (self.ventricle_mm >= 9) & ~hind, 0.22),
            ((white > 0.35) & (grey > 0.2) & (self.depth_mm > 2) & ~hind, 0.14),
            ((grey > 0.6) & ~hind, 0.08),
            (self.region(*deep), 0.07),
            (hind & (white + grey > 0.6), 0.10),
            (self.region(Region.GENU, Region.CALLOSAL_BODY, Region.SPLENIUM), 0.05),
        )
        places, weights = zip(*kinds, strict=True)
        return Rooms(tuple(torch.nonzero(one) for one in places), weights, (1.0, 1.0, 1.0))

    def fluid(self) -> Rooms:
        """Where fluid may be bright by inflow."""
        return Rooms(
            (torch.nonzero((1 - self.grey - self.white > 0.6) & (self.depth_mm > 3)),),
            (1.0,),
            (1.0, 1.0, 1.0),
        )


def read_space(path: Path, device: torch.device) -> Space:
    """The maps that network.material wrote."""
    kept = np.load(path)

    def on_device(name: str, scale: float = 1.0) -> Tensor:
        return torch.as_tensor(kept[name].astype(np.float32), device=device) / scale

    low = tuple(float(one) for one in kept["low"])
    mm = [
        torch.arange(length, device=device) + first
        for length, first in zip(kept["grey"].shape, low, strict=True)
    ]
    return Space(
        grey=on_device("grey", 255),
        white=on_device("white", 255),
        brain=on_device("brain"),
        parts=on_device("parts").long(),
        ventricle_mm=on_device("ventricle_mm"),
        depth_mm=on_device("depth_mm", 4),
        outside_mm=on_device("outside_mm", 4),
        mm=(mm[0], mm[1], mm[2]),
        low=(low[0], low[1], low[2]),
    )
