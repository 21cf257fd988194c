"""Lesions inserted into read studies: smooth gains on the stored pixels, so that the true mask is known.

The places are those of the simulator's cases in template space, carried into the scan by the anatomy that the product
itself finds there. So this suite tells whether lesions are seen, measured and recognised on real images; it cannot tell
whether the anatomy is right.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from scipy import ndimage

from rules.anatomy import Region, Role
from rules.findings import Why
from rules.identity import derived_uid
from workers.cache import Cache
from workers.checks.check import Lack
from workers.errors import CannotAssess
from workers.evaluation.files import instances_below, series_below
from workers.evaluation.truth import TrueMask, Truth
from workers.images import Images, Placed
from workers.imaging.scan import Scan
from workers.stages import Stages

EDGE_MM = 2.0
"""Standard deviation of the lesion's soft edge."""
ROUGHNESS_MM = 6.0
"""Grain of the irregular outline."""

GROUP = "inserted"
"""Start of the kind of study that is told of a copy with lesions; the recipe follows."""

Box = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A lesion pattern: which tissue within which ellipsoids of the template gets which gain on which series."""

    present: tuple[str, ...]
    places: tuple[Box, ...]
    """Centre and radii in MNI mm, on the right; mirrored to the left."""
    regions: tuple[Region, ...]
    """Only voxels of these."""
    gains: tuple[tuple[Role, float], ...]
    """Signal in the middle of the lesion over that of the tissue before."""
    tolerated: tuple[str, ...] = ()


_BRIGHT = ((Role.FLAIR, 1.30), (Role.T2, 1.35), (Role.T1, 0.92))
_LOBES = (Region.PARIETAL, Region.OCCIPITAL, Region.FRONTAL)
RECIPES: dict[str, Recipe] = {
    "pres": Recipe(
        ("R03",),
        (((22, -84, 8), (15, 16, 16)), ((26, -62, 42), (15, 17, 16)), ((24, 20, 50), (8, 15, 9))),
        _LOBES,
        _BRIGHT,
        ("R10",),
    ),
    "deep_grey": Recipe(
        ("R02",),
        (((11, -18, 7), (11, 15, 10)), ((0, -26, -34), (13, 9, 12)), ((33, 0, 2), (3.5, 20, 13))),
        (Region.THALAMUS, Region.PONS, Region.CAPSULE),
        _BRIGHT,
    ),
    "limbic": Recipe(
        ("R04",),
        (((27, -20, -17), (9, 21, 8)), ((38, 4, 0), (8, 20, 14)), ((6, 22, 28), (8, 21, 11))),
        (Region.HIPPOCAMPUS, Region.INSULA, Region.CINGULATE),
        _BRIGHT,
    ),
}
"""Name to recipe; the places are those of the simulator's cases of the same kind."""


def insert(folder: Path, recipe_name: str, workplace: Path) -> tuple[Path, Truth]:
    """A copy of the study with the recipe's lesions, and what is true of it; masks lie beside the copy.

    Every instance gets new UIDs. Raises CannotAssess where the anatomy cannot be found, KeyError for an unknown recipe.
    """
    recipe = RECIPES[recipe_name]
    images = _images(folder)
    copy, beside = workplace / "study", workplace / "study-truth"
    for path in (copy, beside):
        path.mkdir(parents=True, exist_ok=True)
    gains: dict[str, NDArray[np.float64]] = {}
    truth = Truth(recipe.present, recipe.tolerated, strata=(("case", f"{GROUP} {recipe_name}"),))
    for role, gain in recipe.gains:
        if isinstance(images.placed(role), Placed):
            scan = images.scan(role)
            weight = lesion_weight(scan, recipe, seed=crc32(str(folder).encode()))
            factors = 1.0 + (gain - 1.0) * weight.astype(np.float64)
            gains |= dict(zip(scan.volume.sop_instance_uids, factors, strict=True))
            if role is Role.FLAIR:
                truth = _truth_of(truth, scan, weight >= 0.5, beside / "flair.nii.gz")
    for one in images.series:
        for path in one.files:
            _copied(path, recipe_name, gains).save_as(copy / f"{crc32(str(path).encode()):08x}.dcm")
    return copy, truth


def lesion_weight(scan: Scan, recipe: Recipe, seed: int) -> NDArray[np.float32]:
    """Share of the lesion's full gain, 0 to 1, (k, j, i): ellipsoids with irregular outlines and soft edges."""
    anatomy, spacing = scan.anatomy, np.array(scan.volume.spacing_mm[::-1])
    x, y, z = anatomy.template_mm.astype(np.float32)
    noise = np.random.default_rng(seed).normal(size=anatomy.brain.shape)
    rough = ndimage.gaussian_filter(noise, ROUGHNESS_MM / spacing)
    rough *= 0.2 / max(float(rough.std()), 1e-9)
    inside = np.zeros(anatomy.brain.shape, dtype=bool)
    for centre, radii in recipe.places:
        radius = np.sqrt(
            sum(
                ((axis - c) / r) ** 2
                for axis, c, r in zip((np.abs(x) * np.sign(centre[0] or 1), y, z), centre, radii, strict=True)
            )
        )
        inside |= radius + rough < 1.0
    inside &= np.logical_or.reduce([anatomy.region(region) for region in recipe.regions])
    soft = ndimage.gaussian_filter(inside.astype(np.float32), EDGE_MM / spacing)
    return np.asarray(np.clip(soft, 0.0, 1.0) * anatomy.brain, dtype=np.float32)


def _images(folder: Path) -> Images:
    images = Images(series_below(folder), instances_below(folder), Stages(Cache(None)))
    mapped = images.mapped()
    if isinstance(mapped, Lack):
        raise CannotAssess(mapped.why, mapped.detail)
    return images


def _truth_of(truth: Truth, scan: Scan, mask: NDArray[np.bool_], path: Path) -> Truth:
    """The truth with the mask."""
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ scan.volume.affine
    nib.save(nib.Nifti1Image(mask.astype(np.uint8).transpose(2, 1, 0), ras), path)
    return replace(truth, masks=(TrueMask("flair", str(path.resolve())),))


_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


def _copied(path: Path, recipe_name: str, gains: dict[str, NDArray[np.float64]]) -> Dataset:
    """One instance under new UIDs, brighter where its slice has a gain.

    gains : SOP Instance UID to (rows, columns)
    """
    ds = dcmread(path)
    gain = gains.get(str(ds.SOPInstanceUID))
    if gain is not None:
        if "NumberOfFrames" in ds and int(ds.NumberOfFrames) > 1:
            raise CannotAssess(Why.SERIES_UNREADABLE, "lesions are inserted into single-frame images only")
        if ds.file_meta.TransferSyntaxUID.is_compressed:
            ds.decompress()
        stored = ds.pixel_array
        highest = 2 ** (int(ds.BitsStored) - int(ds.PixelRepresentation)) - 1
        changed = np.clip(np.rint(stored * gain), stored.min(), highest)
        ds.PixelData = changed.astype(stored.dtype).tobytes()
    for keyword in _UIDS:
        if keyword in ds:
            old = str(ds[keyword].value)
            setattr(ds, keyword, derived_uid({"inserted": recipe_name, "from": old}))
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds
