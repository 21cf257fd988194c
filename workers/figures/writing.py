"""Everything that a person needs to judge an analysis by eye, as PNG; and its masks, as NIfTI."""

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from workers.analysis import Analysis
from workers.checks.check import Lack
from workers.errors import CannotAssess
from workers.figures.series import found_sheet, plain_sheet, regions_sheet, registration_sheet
from workers.figures.sheet import Sheet, draw
from workers.figures.table import draw_table
from workers.images import Images, Placed
from workers.imaging.sources import volume_of
from workers.imaging.volume import Volume

SHOWN = (Role.FLAIR, Role.T2, Role.T1, Role.T1C, Role.DWI, Role.ADC, Role.SWI)
"""Series that get sheets, in this order."""


def write_figures(images: Images, analysis: Analysis, folder: Path) -> tuple[Path, ...]:
    """Sheets of every series and a table of the findings, in `folder`; returns what was written.

    <role>.png has brain and lesion outlines, <role>-regions.png the regions, <role>-registration.png the match with the
    series that the anatomy was found in; findings.png the numbers. A series that was not measured is shown with the
    reason. No text of the headers enters a sheet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        draw(sheet, folder / f"{name}.png")
        for role in SHOWN
        if role in {one.role for one in images.series} or role in analysis.placed
        for name, sheet in _sheets(images, analysis, role)
    ]
    return (*written, draw_table(analysis.findings, folder / "findings.png"))


def write_masks(images: Images, analysis: Analysis, folder: Path) -> tuple[Path, ...]:
    """The masks of all checks, the brain and its parts as NIfTI in `folder`; returns what was written.

    <check>.nii.gz lies on the grid of the check's series, brain.nii.gz and parts.nii.gz (numbers: regions.PARTS, from 1)
    on that of the series that the anatomy was found in. Affines are RAS mm, as NIfTI wants them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, result in analysis.results.items():
        if result.mask is not None and result.role is not None:
            volume = images.scan(result.role).volume
            written.append(_save(result.mask, volume, folder / f"{name}.nii.gz"))
    mapped = images.mapped()
    if not isinstance(mapped, Lack) and isinstance(images.placed(mapped.role), Placed):
        scan = images.scan(mapped.role)
        written.append(_save(scan.anatomy.brain, scan.volume, folder / "brain.nii.gz"))
        written.append(_save(scan.anatomy.parts, scan.volume, folder / "parts.nii.gz"))
    return tuple(written)


def _sheets(images: Images, analysis: Analysis, role: Role) -> Iterator[tuple[str, Sheet]]:
    placed = images.placed(role)
    if isinstance(placed, Lack):
        yield role.value, _unmeasured(images, role, placed)
        return
    scan = images.scan(role)
    title = _title(scan.volume)
    problems = f", {', '.join(placed.quality.problems)}" if placed.quality.problems else ""
    yield role.value, found_sheet(scan, title + problems, analysis.results)
    yield f"{role.value}-regions", regions_sheet(scan, f"{title}, regions as laid")
    mapped = images.mapped()
    if not isinstance(mapped, Lack) and mapped.role is not role:
        motion = scan.motion
        shift = f"{float(np.linalg.norm(motion.shift)):.1f} mm, {motion.angle_deg:.1f}°"
        match = "" if motion.information is None else f", match {motion.information:.2f}"
        name = f"{title} on {mapped.role.value}: moved by {shift}{match}"
        yield f"{role.value}-registration", registration_sheet(scan, images.scan(mapped.role), name)


def _unmeasured(images: Images, role: Role, lack: Lack) -> Sheet:
    reason = f"not measured: {lack.detail}"
    try:
        volume, _ = volume_of(images.series, role)
    except CannotAssess as unreadable:
        return Sheet(role.value, notes=(reason, f"not shown: {unreadable.detail}"))
    return plain_sheet(volume, _title(volume), (reason,))


def _title(volume: Volume) -> str:
    i, j, k = volume.spacing_mm
    frames, rows, columns = volume.array.shape
    return f"{volume.role.value}   {columns} x {rows} x {frames}, {i:.2f} x {j:.2f} x {k:.2f} mm"


def _save(array: NDArray[np.generic], volume: Volume, path: Path) -> Path:
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    nib.save(nib.Nifti1Image(array.astype(np.uint8).transpose(2, 1, 0), ras), path)
    return path
