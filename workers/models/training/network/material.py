"""What the network is trained on, made on CPUs: template maps, persons, simulated heads, real scans.

    python -m workers.models.training.network.material template OUT
    python -m workers.models.training.network.material people OUT --first 9100 --count 16
    python -m workers.models.training.network.material heads OUT --first 9000 --count 390
    python -m workers.models.training.network.material scans OUT --folder SCANS --network NETWORK

`scans` takes folders of DICOM and labels them by two witnesses: the voxel model and a network (an ONNX file) that has not seen the
patient. Where both see a lesion it is one; where one does, or at an edge, nothing is learnt; the rest is normal.
"""

import argparse
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.findings import Why
from workers.checks.hyperintensity import Probability, find_hyperintensity
from workers.checks.lesion_model import lesion_probability, network_probability
from workers.checks.planes import view_of
from workers.errors import CannotAssess
from workers.imaging.parts import GROUND, PARTS
from workers.imaging.regions import template_labels
from workers.imaging.scan import Scan
from workers.imaging.template import load_template
from workers.models.card import Card, Engine
from workers.models.store import shipped
from workers.models.training import heads
from workers.models.training.real import scan_of
from workers.simulation.brain import BOX
from workers.simulation.cases import case_named
from workers.simulation.space import LOW, SHAPE
from workers.simulation.subject import build_subject
from workers.simulation.tissues import Tissue

FloatArray = NDArray[np.float32]

TISSUES = (
    Tissue.CSF, Tissue.CORTEX, Tissue.WHITE, Tissue.LIMBIC, Tissue.STRIATUM, Tissue.THALAMUS, Tissue.PALLIDUM, Tissue.CHOROID,
    Tissue.VEIN, Tissue.DIRTY_WHITE,
)  # fmt: skip
CASES = (
    "healthy", "ms_light", "small_vessel_disease", "ms_like", "healthy_child", "pres", "limbic", "deep_grey_brainstem",
    "cortex_occipital", "ms_heavy", "small_vessel_severe", "splenium", "oedema", "leukoencephalopathy", "deep_grey_only",
    "healthy_old", "oxygen_flair", "limbic_hippocampal", "cortex_multifocal", "pres_cerebellar", "oedema_severe",
    "small_vessel_mild", "periaqueductal", "old_infarct", "microbleeds_few", "contrast_flair", "pres_asymmetric",
    "healthy_young", "stroke",
)  # fmt: skip
HELD_OUT = (9004, 9011, 9018, 9026)
SURE, HALF, DOUBT = 0.6, 0.5, 0.15
"""Probability of the network from which a voxel is lesion, an area is one, and nothing is learnt."""
SEPTUM_MM = ((-4, 4), (-45, 30), (-5, 30))


def main(arguments: list[str] | None = None) -> None:
    """Write one kind of material."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=("template", "people", "heads", "scans"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=9000)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--network", type=Path)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first, options.first + options.count)
    if options.kind == "template":
        write_template(options.out)
    elif options.kind == "scans":
        write_scans(options.out, options.folder, options.network)
    else:
        one: Callable[[int], None] = partial(
            {"people": write_person, "heads": write_head}[options.kind], options.out
        )
        with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
            pool.map(one, seeds, chunksize=1)


def write_template(out: Path) -> None:
    """Priors, regions and distances over the simulator's box of the brain."""
    template = load_template(1)
    ground = np.array([0, *(GROUND.index(region) + 1 for region in PARTS)], dtype=np.uint8)
    parts = _boxed(ground[template_labels()], template.affine)
    grey, white = (_boxed(one, template.affine) for one in (template.grey, template.white))
    brain = _boxed(template.brain.astype(np.uint8), template.affine) > 0
    low = [LOW[2 - axis] + BOX[axis].start for axis in range(3)]
    high = (low[0] + np.arange(brain.shape[0]) > -15)[:, None, None]
    lakes = (parts == GROUND.index(Region.VENTRICLES) + 1) & high
    np.savez_compressed(
        out / "template.npz",
        grey=_rounded(grey, 255, np.uint8),
        white=_rounded(white, 255, np.uint8),
        brain=brain,
        parts=parts,
        ventricle_mm=np.minimum(np.rint(ndimage.distance_transform_edt(~lakes)), 60).astype(np.uint8),
        depth_mm=_rounded(ndimage.distance_transform_edt(brain), 4, np.uint8),
        outside_mm=_rounded(ndimage.distance_transform_edt(~brain), 4, np.uint8),
        low=np.array(low, dtype=np.float32),
    )


def _boxed(values: NDArray[Any], affine: NDArray[np.float64]) -> NDArray[Any]:
    """An array on the template's grid, on the simulator's."""
    first = (affine[2, 3], -affine[1, 3], -affine[0, 3])
    whole = np.zeros(SHAPE, dtype=values.dtype)
    start = [round(mm - LOW[2 - axis]) for axis, mm in enumerate(first)]
    whole[tuple(slice(one, one + length) for one, length in zip(start, values.shape, strict=True))] = values
    return whole[BOX]


def write_person(out: Path, seed: int) -> None:
    """Tissue fractions of one healthy person, in 31sts."""
    brain = build_subject(case_named("healthy"), np.random.default_rng([seed, 1])).brain
    nothing = np.zeros_like(brain.inside)
    shares = [_rounded(brain.fractions.get(tissue, nothing), 31, np.uint8) for tissue in TISSUES]
    np.save(out / f"person-{seed}.npy", np.stack(shares))


def write_head(out: Path, seed: int) -> None:
    """One simulated head as the product found it; none where it found no brain, or where it is kept for comparison."""
    if seed in HELD_OUT:
        return
    try:
        head = heads.synthetic_head(seed, CASES)
    except CannotAssess:
        return
    _write(out / f"head-{seed}.npz", head.scan, head.lesion, np.zeros_like(head.unsure))


def write_scans(out: Path, folder: Path, network: Path) -> None:
    """Every scan of a folder, with the labels of two witnesses."""
    card = replace(shipped(Engine.PLANES), weights=network)
    for name, scan in _scans(folder):
        lesion, unsure = witnessed(scan, card)
        _write(out / f"scan-{name}.npz", scan, lesion.astype(np.float32), unsure)


def _scans(folder: Path) -> Iterator[tuple[str, Scan]]:
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield one.name, scan_of(one)


def witnessed(scan: Scan, card: Card) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Voxels that are lesion, and those of which nothing is learnt, (k, j, i).

    Raises CannotAssess where no white matter can be told.
    """
    spacing, other = scan.volume.spacing_mm, shipped(Engine.VOXELS)
    probability = network_probability(scan, card)
    second = lesion_probability(scan.anatomy, spacing, other)
    if probability is None or second is None:
        raise CannotAssess(Why.ANATOMY, "no white matter was found")
    found = find_hyperintensity(scan.anatomy, spacing, Probability(second, other.threshold)).mask
    labels, _ = ndimage.label(probability >= HALF, np.ones((3, 3, 3)))
    agreed = np.isin(labels, np.unique(labels[found & (labels > 0)]))
    inside = [
        (one >= low) & (one <= high)
        for one, (low, high) in zip(scan.anatomy.template_mm, SEPTUM_MM, strict=True)
    ]
    septum = np.logical_and.reduce(inside) & scan.anatomy.brain
    lesion = agreed & (probability >= SURE) & ~septum
    edge = ndimage.binary_dilation(lesion) & ~lesion
    unsure = ((probability >= DOUBT) | found | edge) & ~lesion & ~septum
    return lesion, unsure


def _write(path: Path, scan: Scan, lesion: FloatArray, unsure: NDArray[np.bool_]) -> None:
    """The network's view of a scan, in few bytes."""
    view = view_of(scan.anatomy.brain, scan.volume.affine)
    seen = view.seen
    signal = seen(scan.anatomy.corrected)
    spans = [np.flatnonzero((signal > 0).any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(int(one[0]), int(one[-1]) + 1) for one in spans)
    x, y, z = (seen(one) for one in scan.anatomy.template_mm)
    np.savez_compressed(
        path,
        signal=signal[box].astype(np.float16),
        grey=_rounded(seen(scan.anatomy.grey)[box], 255, np.uint8),
        white=_rounded(seen(scan.anatomy.white)[box], 255, np.uint8),
        depth_mm=_rounded(seen(scan.anatomy.depth_mm)[box], 8, np.uint8),
        x=_rounded(x[box], 1, np.int8),
        y=_rounded(y[box], 1, np.int8),
        z=_rounded(z[box], 1, np.int8),
        lesion=_rounded(seen(lesion)[box], 255, np.uint8),
        unsure=seen(unsure)[box] > 0.25,
        step=np.float32(view.slice_mm),
    )


def _rounded(values: NDArray[Any], scale: float, kind: type[np.integer]) -> NDArray[np.integer]:
    limits = np.iinfo(kind)
    return np.clip(np.rint(values * scale), limits.min, limits.max).astype(kind)


if __name__ == "__main__":
    main()
