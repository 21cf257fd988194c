"""The pictures and masks of an analysis, on a head made of the template."""

from dataclasses import dataclass, field, replace

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Measured, NotAssessed, Quantity, Why
from rules.messages import SeriesQuality
from tests.workers.imaging.heads import flat_anatomy
from workers.analysis import Analysis
from workers.checks.check import Lack
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.figures import write_figures, write_masks
from workers.figures.mosaic import TILE_HEIGHT, tiles, window_of
from workers.figures.plane import plane_of
from workers.figures.series import found_sheet, regions_sheet, registration_sheet
from workers.figures.sheet import Sheet, draw
from workers.figures.table import table_lines
from workers.images import Mapped, Placed
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan

_EVIDENCE = Evidence("flair_hyperintensity 1", "1.2.3")
_VOLUME = Measured(
    Quantity.FLAIR_VOLUME,
    Region.THALAMUS,
    Side.LEFT,
    1.25,
    UNITS[Quantity.FLAIR_VOLUME],
    _EVIDENCE,
    uncertainty=0.2,
)
_SILENT = NotAssessed(
    Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE, Why.SERIES_MISSING, "no SWI series"
)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return Scan(*flat_anatomy(), at_rest())


@dataclass
class _Series:
    role: Role


@dataclass
class _Images:
    """Images of a study with one FLAIR that was measured."""

    scans: dict[Role, Scan]
    series: list[_Series] = field(default_factory=list)

    def placed(self, role):
        if role in self.scans:
            return Placed(("1.2.3",), at_rest(), SeriesQuality())
        return Lack(Why.SERIES_MISSING, f"no {role.value} series")

    def mapped(self):
        return Mapped(Role.FLAIR, None) if self.scans else Lack(Why.ANATOMY, "no brain")

    def scan(self, role):
        if role not in self.scans:
            raise CannotAssess(Why.SERIES_MISSING, f"no {role.value} series")
        return self.scans[role]


def _analysis(scan: Scan) -> Analysis:
    mask = scan.anatomy.region(Region.THALAMUS, Side.LEFT)
    results = {
        "flair_hyperintensity": CheckResult((_VOLUME,), mask, Role.FLAIR),
        "susceptibility": CheckResult((_SILENT,)),
    }
    return Analysis(results, {})


_ORIENTATIONS = {
    "axial": np.diag([1.0, 1.0, 5.0, 1.0]),
    "sagittal": np.array([[0, 0, 5.0, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]),
    "coronal": np.array([[1.0, 0, 0, 0], [0, 0, 5.0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]),
}


@pytest.mark.parametrize("name", _ORIENTATIONS)
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_thick_slices_are_shown_as_acquired_with_left_on_the_right(name, flips):
    affine = _ORIENTATIONS[name] @ np.diag([*flips, 1.0])
    plane = plane_of(affine)
    array = np.zeros((9, 10, 11))
    k, j, i = np.indices(array.shape)
    lps = np.tensordot(affine[:3, :3], np.stack([i, j, k]).astype(float), 1)
    left, back, up = (plane.shown(axis) for axis in lps)
    assert plane.name == name
    across, down = (back, -up) if name == "sagittal" else (left, back if name == "axial" else -up)
    assert (np.diff(across, axis=2) > 0).all()
    assert (np.diff(down, axis=1) > 0).all()
    assert plane.spacing_mm == (5.0, 1.0, 1.0)


def test_an_isotropic_volume_is_shown_in_axial_slices():
    assert plane_of(_ORIENTATIONS["sagittal"] @ np.diag([1.0, 1.0, 0.2, 1.0])).name == "axial"


def test_pictures_have_the_proportions_of_the_patient():
    plane = plane_of(np.diag([0.5, 1.0, 5.0, 1.0]))
    everything = np.ones((4, 40, 100), dtype=bool)
    (tile, *_) = tiles(plane, window_of(plane, everything, None, 2), everything)
    height, width = tile.shape
    assert height == pytest.approx(TILE_HEIGHT, abs=2)
    assert width / height == pytest.approx(50 / 40, rel=0.02)


def test_the_most_marked_slice_of_each_stretch_is_shown():
    plane = plane_of(np.diag([1.0, 1.0, 5.0, 1.0]))
    inside, marked = np.ones((12, 8, 8), dtype=bool), np.zeros((12, 8, 8), dtype=bool)
    marked[7, 2:5, 2:5] = True
    assert window_of(plane, inside, marked, 3).slices == (2, 7, 10)


def test_a_lesion_is_outlined_where_it_lies(scan):
    mask = scan.anatomy.region(Region.THALAMUS, Side.LEFT)
    sheet = found_sheet(scan, "FLAIR", {"flair_hyperintensity": CheckResult((), mask, Role.FLAIR)})
    red = np.stack([np.all(picture == (255, 70, 70), axis=2) for picture in sheet.pictures])
    width = red.shape[2]
    assert red.any()
    assert not red[:, :, : width // 2 - 2].any()  # the patient's left lies on the right
    assert any("flair hyperintensity" in name for name, _ in sheet.legend)


def test_every_region_group_is_drawn(scan):
    sheet = regions_sheet(scan, "FLAIR")
    seen = {
        tuple(colour) for picture in sheet.pictures for colour in np.unique(picture.reshape(-1, 3), axis=0)
    }
    assert {colour for _, colour in sheet.legend} <= seen


def test_a_series_on_itself_makes_no_seams(scan):
    sheet = registration_sheet(scan, scan, "FLAIR on FLAIR")
    boards, own = sheet.pictures[:6], sheet.pictures[6:]
    for board, picture in zip(boards, own, strict=True):
        edge = np.all(picture == (90, 255, 140), axis=2)
        difference = np.abs(board.astype(int) - picture.astype(int)).max(axis=2)
        assert np.percentile(difference[~edge], 99) <= 12


def test_all_sheets_and_the_table_are_written(scan, tmp_path):
    images = _Images({Role.FLAIR: scan}, [_Series(Role.FLAIR)])
    written = write_figures(images, _analysis(scan), tmp_path)
    assert [path.name for path in written] == ["FLAIR.png", "FLAIR-regions.png", "findings.png"]
    with Image.open(written[0]) as picture:
        assert picture.width > 1000
        assert np.asarray(picture.convert("L")).std() > 10


def test_a_sheet_repeats_to_the_byte(tmp_path):
    pictures = [np.full((40, 30, 3), 90, dtype=np.uint8)] * 7
    sheet = Sheet("FLAIR", pictures, ("R", "L"), [("brain", (255, 226, 90))], ["not measured: motion"])
    first, second = (draw(sheet, tmp_path / f"{name}.png") for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.size == (180, 80 + 46 + 18 + 18)


def test_a_series_that_cannot_be_read_gives_a_sheet_with_the_reason(tmp_path):
    written = write_figures(_Images({}, []), Analysis({}, {Role.SWI: Lack(Why.GEOMETRY, "")}), tmp_path)
    assert [path.name for path in written] == ["SWI.png", "findings.png"]


def test_masks_lie_on_their_series_in_ras(scan, tmp_path):
    images = _Images({Role.FLAIR: scan}, [_Series(Role.FLAIR)])
    written = write_masks(images, _analysis(scan), tmp_path)
    assert [path.name for path in written] == ["flair_hyperintensity.nii.gz", "brain.nii.gz", "parts.nii.gz"]
    image = nib.load(written[0])
    data = np.asarray(image.dataobj)
    assert data.sum() == scan.anatomy.region(Region.THALAMUS, Side.LEFT).sum()
    centre = np.argwhere(data).mean(axis=0)
    x, y, z = (image.affine @ [*centre, 1])[:3]
    assert x < -5  # left of the midline in RAS
    assert -40 < y < 5
    assert -10 < z < 25


def test_without_a_brain_no_mask_is_written(tmp_path):
    silent = Analysis({"susceptibility": CheckResult((_SILENT,))}, {})
    assert write_masks(_Images({}), silent, tmp_path) == ()


def test_the_table_tells_values_uncertainty_and_what_was_not_assessed():
    zero = replace(_VOLUME, side=Side.RIGHT, value=0.0)
    lines = table_lines((_VOLUME, zero, _SILENT))
    assert lines[0] == "# flair_hyperintensity 1"
    assert "1.2 mL±0.2" in lines[2]
    assert "# measured as zero: 1" in lines
    assert lines[-1] == "number of microbleed-like foci: no SWI series (1)"
