"""A head of even signal in which balls, eggs and tubes are dark."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Finding, Quantity
from workers.checks.check import Inputs
from workers.checks.result import CheckResult
from workers.checks.susceptibility import measure
from workers.imaging.anatomy import Anatomy
from workers.imaging.motion import at_rest
from workers.imaging.regions import PARTS
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

Place = tuple[float, float, float]
GRIDS = [(0.9, 0.9, 2.0), (0.7, 0.7, 1.5), (0.9, 0.9, 4.0)]
HALF = (30.0, 36.0, 27.0)
"""The brain's half axes, mm; its middle lies at MNI (0, -10, 20)."""
MIDDLE = np.array([0.0, -10.0, 20.0])
TUBES_R = 1.0


class Head:
    """An ellipsoid of white matter in air, frontal in front of the middle and parietal behind it."""

    def __init__(self, spacing: Place = GRIDS[0], noise: float = 0.04) -> None:
        self.spacing = spacing
        counts = [int(2 * (half + 5) / mm) for half, mm in zip(HALF, spacing, strict=True)]
        axes = [
            (np.arange(n) - (n - 1) / 2) * mm + middle
            for n, mm, middle in zip(counts, spacing, MIDDLE, strict=True)
        ]
        self.z, self.y, self.x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
        self.inside = self.radius(tuple(MIDDLE), HALF) <= 1
        self.signal = np.where(self.inside, 1.0, 0.02)
        self.noise = noise
        self.first = (axes[0][0], axes[1][0], axes[2][0])

    def radius(self, centre: Place, radii: Place, up: float = 0.0) -> np.ndarray:
        terms = zip((self.x, self.y, self.z + up), centre, radii, strict=True)
        return np.sqrt(sum(((axis - c) / r) ** 2 for axis, c, r in terms))

    def darken(self, shares: list[np.ndarray], left: float) -> "Head":
        """Averaged over the slice, and soft by some half a millimetre in the plane."""
        share = ndimage.gaussian_filter(np.mean(shares, axis=0, dtype=float), (0, 0.6, 0.6))
        self.signal *= 1 - (1 - left) * np.clip(share, 0, 1)
        return self

    def heights(self) -> np.ndarray:
        """Places within a slice."""
        return self.spacing[2] * np.array([-0.375, -0.125, 0.125, 0.375])

    def ball(self, centre: Place, diameter: float, left: float = 0.15) -> "Head":
        r = diameter / 2
        return self.egg(centre, (r, r, r), left)

    def egg(self, centre: Place, radii: Place, left: float = 0.15) -> "Head":
        return self.darken([self.radius(centre, radii, up) <= 1 for up in self.heights()], left)

    def tube(self, start: Place, end: Place, radius: float = TUBES_R, left: float = 0.3) -> "Head":
        run = np.subtract(end, start).astype(float)
        shares = []
        for up in self.heights():
            at = np.stack([self.x, self.y, self.z + up]) - np.array(start)[:, None, None, None]
            t = np.clip(np.tensordot(run, at, 1) / (run @ run), 0, 1)
            shares.append(np.linalg.norm(at - run[:, None, None, None] * t, axis=0) <= radius)
        return self.darken(shares, left)

    def scan(self, role: Role = Role.SWI) -> Scan:
        noise = np.random.default_rng(5).normal(0, self.noise, self.signal.shape)
        signal = np.abs(self.signal + noise).astype(np.float32)
        parts = np.where(
            self.y > MIDDLE[1], *(PARTS.index(one) + 1 for one in (Region.FRONTAL, Region.PARIETAL))
        )
        affine = np.diag([*self.spacing, 1.0])
        affine[:3, 3] = self.first
        anatomy = Anatomy(
            brain=self.inside,
            corrected=signal * self.inside,
            parts=np.where(self.inside, parts, 0).astype(np.uint8),
            is_left=self.x < 0,
            grey=np.zeros(signal.shape, np.float16),
            white=self.inside.astype(np.float16),
            depth_mm=ndimage.distance_transform_edt(self.inside, self.spacing[::-1]).astype(np.float16),
            template_mm=np.stack([self.x, self.y, self.z]).astype(np.float16),
            covered=dict.fromkeys(Region, 1.0),
        )
        uids = tuple(f"1.2.3.{k}" for k in range(len(signal)))
        return Scan(Volume(signal, affine, role, "1.2.3", "1.2.4", uids), anatomy, at_rest())


def result_of(scan: Scan) -> CheckResult:
    return measure(Inputs({scan.volume.role: scan}))


def value(result: CheckResult, quantity: Quantity, region=Region.BRAIN, side=Side.WHOLE) -> float:
    return one_of(result.findings, quantity, region, side).value


def one_of(
    findings: tuple[Finding, ...], quantity: Quantity, region=Region.BRAIN, side=Side.WHOLE
) -> Finding:
    (found,) = [one for one in findings if (one.quantity, one.region, one.side) == (quantity, region, side)]
    return found


def with_nuclei(head: Head) -> Scan:
    scan = head.scan()
    parts = scan.anatomy.parts.copy()
    for side in (-1.0, 1.0):
        parts[head.radius((side * 19.0, -3.0, 15.0), (9.0, 9.0, 9.0)) <= 1] = PARTS.index(Region.PALLIDUM) + 1
    return replace(scan, anatomy=replace(scan.anatomy, parts=parts))
