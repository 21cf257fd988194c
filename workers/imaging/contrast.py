"""How the tissues look in each kind of series that the brain can be found in, and what a fit to it has to reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rules.anatomy import Role


@dataclass(frozen=True, slots=True)
class Contrast:
    """Signal of the tissues relative to white matter."""

    fluid: float
    grey: float
    outside: float
    """Skull and meninges up to some 6 mm outside the brain."""
    brightest: float
    """What is brighter (vessels, fat, lesions) is cut to this before the deformation."""
    sure_information: float
    """Mutual information in nats from which the first starts of the search are enough."""
    least_information: float
    """The same below which the fit is not believed."""
    has_dark_lesions: bool = False
    """Lesions are darker than white matter, not brighter."""
    has_scalp_like_brain: bool = False
    """Fat and muscle outside the skull draw the cortex out to them: Dice with the brain found in FLAIR 0.92-0.95 where
    they are shown to the deformation, 0.97-0.98 where they are not (3 real scans)."""
    fat: float | None = None
    """Signal from which what lies near the surface is fat; None where fluid is as bright. With fat and its edge taken out
    Dice went from 0.976 to 0.985 (a real T1) and from 0.88 to 0.97 (a simulated one with a thin skull)."""

    @property
    def limits(self) -> tuple[float, float]:
        """Least and largest signal of the tissues, with a little room."""
        signals = (self.fluid, self.grey, self.outside, 1.0)
        return min(signals) - 0.05, max(signals) + 0.05


FLAIR = Contrast(0.45, 1.10, 0.25, brightest=1.6, sure_information=0.32, least_information=0.26)
"""Fluid measured at 0.3-0.7 and grey at 0.93-1.23 of white matter. Real heads reach 0.38-0.46 nats, also with a quarter of
the slices missing; noise, spheres, a knee-like cylinder and a blotchy ellipsoid 0.06-0.21."""

T2 = Contrast(
    fluid=2.7,
    grey=1.45,
    outside=0.6,
    brightest=3.0,
    sure_information=0.37,
    least_information=0.30,
    has_scalp_like_brain=True,
)
"""Medians of four real scans under the anatomy of their FLAIR: fluid 2.6-2.9, grey 1.41-1.50, outside 0.4-0.7. Right fits
reach 0.35-0.45 nats (4 real, 4 simulated), a brain grown into the scalp 0.27, the false heads 0.06-0.23."""

T1 = Contrast(
    fluid=0.45,
    grey=0.87,
    outside=0.38,
    brightest=1.3,
    sure_information=0.32,
    least_information=0.26,
    has_dark_lesions=True,
    has_scalp_like_brain=True,
    fat=1.15,
)
"""Medians of three real scans: fluid 0.46-0.50, grey 0.88-0.90, outside 0.3-0.55. Right fits reach 0.31-0.40 nats (3 real,
4 simulated), the false heads 0.06-0.23."""

CONTRASTS: Mapping[Role, Contrast] = MappingProxyType({Role.FLAIR: FLAIR, Role.T2: T2, Role.T1: T1})
"""Best first."""
