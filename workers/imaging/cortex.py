"""The lobes by the planes of the great sulci, and the gyri that are told apart within them; MNI mm."""

import numpy as np

from rules.anatomy import Region
from workers.imaging.primitives import Axes, BoolArray, FloatArray

PRECENTRAL_WIDTH_MM = 18.0
"""From the central to the precentral sulcus."""
SYLVIAN_END_Z = 24.0
"""Height of the back end of the Sylvian fissure."""
POLE_Y = 4.0
"""The temporal pole begins in front of the limen insulae."""


def lobes(axes: Axes) -> dict[Region, BoolArray]:
    """Four lobes that fill the cerebrum."""
    x, y, z = axes.lateral, axes.y, axes.z
    pole = (y < 24) & (y > -30) & (z < -13.0 - 0.55 * (y - 5.0)) & (x > 16)
    below_sylvius = (x > 28) & (z < np.minimum(2.0 - 0.52 * y, SYLVIAN_END_Z)) & (y < 10)
    medial = (z < -4.0) & (y < 6) & (y > -50)
    occipital = _behind_parieto_occipital_sulcus(axes)
    temporal = ~occipital & (pole | below_sylvius | medial)
    frontal = ~occipital & ~temporal & (before_central_sulcus(axes) > 0)
    parietal = ~occipital & ~temporal & ~frontal
    return {
        Region.OCCIPITAL: occipital,
        Region.TEMPORAL: temporal,
        Region.FRONTAL: frontal,
        Region.PARIETAL: parietal,
    }


def _behind_parieto_occipital_sulcus(axes: Axes) -> BoolArray:
    """The occipital lobe: on the medial face the sulcus runs forwards and down, to the isthmus."""
    x, y, z = axes.lateral, axes.y, axes.z
    front = -63.0 - 0.45 * np.maximum(z - 10.0, 0) + 0.10 * np.maximum(10.0 - z, 0) - 0.12 * x
    medial_front = np.minimum(-63.0 + 1.3 * np.maximum(10.0 - z, 0.0), -46.0)
    behind: BoolArray = (y < front) | ((y < medial_front) & (x < 26) & (z < 10))
    return behind & (z < 52)


def precentral(axes: Axes) -> BoolArray:
    """The strip in front of the central sulcus, from the Sylvian fissure to the paracentral lobule."""
    ahead = before_central_sulcus(axes)
    strip: BoolArray = (ahead > 0) & (ahead < PRECENTRAL_WIDTH_MM) & (axes.lateral > 12) & (axes.z > 8)
    return strip


def temporal_pole(axes: Axes) -> BoolArray:
    """The front end of the temporal lobe; whatever else lies there is not temporal."""
    front: BoolArray = (axes.y > POLE_Y) & (axes.z < 0) & (axes.lateral > 0)
    return front


def before_central_sulcus(axes: Axes) -> FloatArray:
    """How far a place lies in front of the central sulcus along y, in mm; negative behind it.

    The sulcus runs from the midline at the vertex forwards and down to the Sylvian fissure.
    """
    ahead: FloatArray = (
        axes.y + 16.0 - 0.3 * axes.lateral + 0.33 * axes.z - 0.15 * np.maximum(45.0 - axes.z, 0.0)
    )
    return ahead
