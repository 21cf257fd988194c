"""Where the regions lie in template space: bodies set by hand on the ICBM152 2009a maps, MNI mm, right side.

The deep nuclei, which are traced slice by slice, stand in `nuclei`, and the lobes, which are cut by planes, in `cortex`;
how each body is cut along the tissue maps stands in `regions`.
"""

from rules.anatomy import Region
from workers.imaging.primitives import Ellipsoid, Shape, Sheet, Tube

AMYGDALA = Ellipsoid((23.5, -3.0, -19.0), (9.0, 8.0, 8.0))

INSULA = Ellipsoid((39.0, 4.0, 2.0), (9.0, 25.0, 20.0), yaw=8.0)
CAPSULE = Sheet(
    crest=(33.9, -6.0, -2.0), bend=(0.0109, 0.0135), reach=(1.0, 3.0), y=(-22.0, 20.0), z=(-12.0, 17.0)
)
"""External and extreme capsule with the claustrum between putamen and insula: two white lines with a thin grey one between,
blurred into one sheet of some 4 mm in the template. The bend follows the ridge of the external capsule in the T1 image:
212 of 269 places read at 2 mm steps lie within 1.5 mm of it, 0.6 mm root mean square; the others sit on the extreme capsule."""

CINGULATE = Tube(
    (
        (5.0, 16.0, -8.0), (5.0, 33.0, -4.0), (5.0, 41.0, 8.0), (5.0, 38.0, 20.0), (5.0, 26.0, 30.0),
        (5.0, 8.0, 38.0), (5.0, -10.0, 42.0), (5.0, -28.0, 40.0), (5.0, -43.0, 32.0), (6.0, -51.0, 20.0),
        (9.0, -48.0, 8.0),
    ),
    9.0,
)  # fmt: skip

CALLOSUM: dict[Region, tuple[Shape, ...]] = {
    Region.GENU: (
        Tube(
            ((0.0, 19.0, -2.0), (0.0, 28.0, -1.0), (0.0, 31.0, 5.0), (0.0, 29.0, 12.0), (0.0, 21.0, 20.0)),
            6.0,
        ),
        Tube(
            ((9.0, 21.0, -3.0), (9.0, 30.0, 0.0), (9.0, 33.0, 7.0), (9.0, 30.0, 15.0), (9.0, 21.0, 23.0)), 6.5
        ),
        Tube(((16.0, 30.0, 2.0), (16.0, 32.0, 10.0), (16.0, 27.0, 18.0)), 5.0),
    ),
    Region.SPLENIUM: (
        Tube(((0.0, -31.0, 21.0), (0.0, -37.0, 17.0), (0.0, -37.0, 10.0)), 6.5),
        Tube(((10.0, -31.0, 24.0), (10.0, -39.0, 20.0), (10.0, -41.0, 12.0)), 7.0),
        Tube(((18.0, -36.0, 26.0), (19.0, -46.0, 20.0), (19.0, -48.0, 12.0)), 6.0),
    ),
    Region.CALLOSAL_BODY: (
        Tube(
            ((0.0, 20.0, 20.0), (0.0, 10.0, 25.0), (0.0, -2.0, 27.0), (0.0, -18.0, 25.5), (0.0, -32.0, 21.0)),
            4.5,
        ),
        Tube(
            ((8.0, 20.0, 22.0), (8.0, 8.0, 28.0), (8.0, -6.0, 29.0), (8.0, -20.0, 27.5), (8.0, -32.0, 24.0)),
            4.5,
        ),
        Tube(((14.0, 19.0, 24.0), (14.0, 6.0, 29.5), (14.0, -8.0, 30.5), (14.0, -32.0, 27.0)), 4.0),
    ),
}
CALLOSUM_Y = {Region.GENU: (18.0, 60.0), Region.CALLOSAL_BODY: (-31.0, 18.0), Region.SPLENIUM: (-70.0, -31.0)}
"""Back and front of each part of the callosum: it is divided by its length, a fifth in front and a fifth behind."""

MIDBRAIN = Ellipsoid((0.0, -26.0, -11.0), (18.0, 15.0, 13.0))
PONS = Ellipsoid((0.0, -27.0, -32.0), (19.0, 14.0, 17.0))
MEDULLA = Tube(((0.0, -34.0, -46.0), (0.0, -42.0, -56.0), (0.0, -46.0, -70.0)), 11.0)
MIDBRAIN_TO_PONS_Z = -20.0
PONS_TO_MEDULLA_Z = -43.0

AQUEDUCT_COURSE = ((0.0, -28.0, -6.0), (0.0, -33.0, -10.0), (0.0, -36.0, -16.0), (0.0, -38.0, -21.0))
AQUEDUCT = Tube(AQUEDUCT_COURSE, 1.2)
PERIAQUEDUCTAL = Tube(AQUEDUCT_COURSE, 5.0)
"""The aqueduct with 4 mm of tissue around it: the grey matter there is 2 to 4 mm thick."""
RIM_MM = 4.0
"""Thickness of the shell around the fourth ventricle."""

CISTERNS: tuple[Shape, ...] = (
    # Suprasellar with the interpeduncular cistern.
    Ellipsoid((0.0, -1.0, -17.0), (16.0, 17.0, 9.0)),
    # Ambient, around the midbrain.
    Tube(((14.0, -12.0, -16.0), (20.0, -22.0, -12.0), (19.0, -33.0, -6.0), (11.0, -40.0, -4.0)), 6.0),
    # Quadrigeminal, below the splenium.
    Ellipsoid((0.0, -42.0, -1.0), (13.0, 8.0, 9.0)),
)

WATERSHED = Tube(
    (
        (22.0, 54.0, 20.0), (24.0, 38.0, 38.0), (24.0, 20.0, 50.0), (24.0, 2.0, 56.0), (24.0, -14.0, 60.0),
        (26.0, -34.0, 58.0), (28.0, -52.0, 50.0), (30.0, -66.0, 40.0), (33.0, -78.0, 26.0), (37.0, -80.0, 10.0),
        (43.0, -72.0, -4.0), (50.0, -58.0, -14.0), (54.0, -40.0, -22.0),
    ),
    10.0,
)  # fmt: skip
"""The border of the anterior and middle cerebral arteries along the superior frontal and intraparietal sulci, then that
of the middle and posterior ones down the lateral occipital and the lower temporal lobe."""

SULCI_ABOVE_Z = 29.0
"""The roof of the template's lateral ventricles."""
