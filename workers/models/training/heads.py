"""Synthetic heads for training: one person in one scanner, with randomised tissue contrast, resolution and noise.

The physics of the simulator gives each tissue its signal; a random factor for each tissue on top keeps the model from
learning one scanner's contrast. The brain is found in the image as in a real study, so the priors are as wrong as there.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from workers.imaging.anatomy import lay
from workers.imaging.brain_map import map_brain
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume
from workers.simulation.acquisition import Imperfection, acquire, sample, shading
from workers.simulation.brain import BOX
from workers.simulation.cases import case_named
from workers.simulation.contrast import Technique, Timing, tissue_signals
from workers.simulation.geometry import Stack, StackSize, rotation, stack_around
from workers.simulation.space import SHAPE
from workers.simulation.subject import Subject, build_subject
from workers.simulation.tissues import Tissue

MAX_SEED = 10_000
"""Seeds from here on are kept for reporting."""
CASES = ("healthy", "healthy", "small_vessel_disease", "ms_like", "healthy", "pres", "limbic", "deep_grey_brainstem",
         "healthy", "ms_like", "small_vessel_disease", "splenium", "oedema")  # fmt: skip
SIZES = (
    StackSize(256, 256, 28, 0.8984, 4.0, 4.8),
    StackSize(320, 320, 46, 0.72, 3.0, 3.0),
    StackSize(256, 256, 160, 1.0, 1.0, 1.0),
    StackSize(256, 256, 26, 0.9, 5.0, 5.5),
    StackSize(320, 320, 48, 0.75, 3.0, 3.0),
    StackSize(256, 256, 36, 0.95, 4.0, 4.0),
    StackSize(240, 240, 160, 1.0, 1.0, 1.0),
    StackSize(384, 384, 42, 0.6, 3.3, 3.3),
)
"""Clinical 2D stacks and 3D research scans."""
TISSUE_SPREAD = 0.05
"""Standard deviation of the random factor on each tissue's signal."""
LESION_SIGNAL = (1.12, 1.9)
"""Range of the signal of a fully changed voxel over white matter."""
_LESIONS = (Tissue.VASOGENIC, Tissue.CYTOTOXIC, Tissue.DEMYELINATED, Tissue.GLIOTIC)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingHead:
    """A scan and what is true of it; arrays (k, j, i) on its grid.

    lesion : share of the voxel that is lesion, 0 to 1; unsure : left out of training
    """

    scan: Scan
    lesion: NDArray[np.float32]
    unsure: NDArray[np.bool_]


def synthetic_head(seed: int, cases: tuple[str, ...] = CASES) -> TrainingHead:
    """A head of one seed; raises ValueError for the seeds kept for reporting, CannotAssess where no brain was found."""
    if seed >= MAX_SEED:
        raise ValueError(f"seed {seed} is kept for reporting")
    rng = np.random.default_rng([seed, 77])
    case = case_named(cases[seed % len(cases)])
    subject = build_subject(case, np.random.default_rng([seed, 1]))
    stack = _stack(subject, SIZES[int(rng.integers(len(SIZES)))], rng)
    signals = _signals(rng)
    clean = sample(subject.signal(signals), stack, subject.warp)
    if rng.random() < 0.2:
        clean *= _share(subject, stack, subject.brain.inside) > 0.5
    clean *= shading(clean.shape, rng, float(rng.uniform(0.03, 0.22)))
    noise = float(signals[Tissue.WHITE]) / rng.uniform(10, 32)
    ghosting = 0.08 if rng.random() < 0.08 else 0.0
    array = acquire(clean, Imperfection(noise, ghosting, float(rng.uniform(0.0, 0.7))), rng)
    volume = Volume(array, stack.affine(), Role.FLAIR, f"2.25.{seed}", "2.25.1", ("2.25.2",) * len(array))
    brain_map = map_brain(volume)
    lesion = _share(subject, stack, subject.burden)
    unsure = (lesion > 0.3) & (lesion < 0.5)
    return TrainingHead(Scan(volume, lay(volume, brain_map), at_rest()), lesion, unsure)


def _stack(subject: Subject, size: StackSize, rng: np.random.Generator) -> Stack:
    """Axial slices along the head, nearly; 3D scans have room for the whole head."""
    tilt = subject.warp.pose @ rotation(rng.uniform(-9, 6), rng.normal(0, 2), rng.normal(0, 2))
    axes = (tilt @ np.array([1.0, 0, 0]), tilt @ np.array([0, 1.0, 0]))
    size = replace(size, slices=size.slices + int(rng.integers(0, 3)))
    return stack_around(np.round(subject.warp.place, 2), axes, size)


def _signals(rng: np.random.Generator) -> NDArray[np.float32]:
    """Signal of every tissue, by physics and by chance."""
    inversion, field = (2500, 3.0) if rng.random() < 0.5 else (2200, 1.5)
    timing = Timing(
        Technique.INVERSION_RECOVERY,
        float(rng.uniform(80, 140)),
        float(rng.uniform(8000, 10500)),
        inversion * float(rng.uniform(0.94, 1.04)),
        fat_signal=float(rng.uniform(0.1, 1.0)),
    )
    signals = tissue_signals(timing, field)
    signals *= np.exp(rng.normal(0, TISSUE_SPREAD, len(signals))).astype(np.float32)
    white, low_high = float(signals[Tissue.WHITE]), LESION_SIGNAL
    signals[Tissue.CORTEX] = white * rng.uniform(0.95, 1.28)
    signals[Tissue.LIMBIC] = signals[Tissue.CORTEX] * rng.uniform(1.0, 1.1)
    signals[Tissue.DIRTY_WHITE] = white * rng.uniform(1.05, 1.2)
    signals[Tissue.CSF] = white * rng.uniform(0.12, 0.5)
    for tissue in _LESIONS:
        signals[tissue] = white * rng.uniform(*low_high)
    return signals


def _share(subject: Subject, stack: Stack, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values over the brain's box, sampled onto a stack as the images are."""
    whole = np.zeros(SHAPE, dtype=np.float32)
    whole[BOX] = values
    if not values.any():
        return np.zeros((stack.slices, stack.rows, stack.columns), dtype=np.float32)
    return sample(whole, stack, subject.warp)
