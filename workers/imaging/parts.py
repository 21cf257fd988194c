"""The pieces into which the labels divide the brain, and the regions that they make up."""

from itertools import combinations

from rules.anatomy import UNPAIRED, Region, sides

__all__ = [
    "ACROSS",
    "CORTICAL",
    "DRAWN",
    "FLUID_SPACES",
    "GROUND",
    "PARTS",
    "PIECES",
    "UNIONS",
    "UNPAIRED",
    "Piece",
    "parts_of",
    "sides",
]

Piece = tuple[Region, ...]
"""A piece of brain that lies in one ground region, named first, and in the regions within it or across it."""

GROUND: tuple[Region, ...] = (
    Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL, Region.CINGULATE, Region.INSULA,
    Region.HIPPOCAMPUS, Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.CAPSULE,
    Region.GENU, Region.CALLOSAL_BODY, Region.SPLENIUM, Region.MIDBRAIN, Region.PONS, Region.MEDULLA,
    Region.CEREBELLUM, Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE, Region.VENTRICLES, Region.CISTERNS,
)  # fmt: skip
"""The regions that do not overlap."""

_LOBES = (Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL)

ACROSS: dict[Region, tuple[Region, ...]] = {
    Region.PRECENTRAL: (Region.FRONTAL,),
    Region.TEMPORAL_POLE: (Region.TEMPORAL,),
    Region.WATERSHED: _LOBES,
    Region.PERIAQUEDUCTAL: (Region.MIDBRAIN,),
    Region.FOURTH_VENTRICLE_RIM: (Region.PONS, Region.MEDULLA, Region.CEREBELLUM),
    Region.SULCI: (Region.FRONTAL, Region.PARIETAL, Region.OCCIPITAL, Region.CINGULATE, Region.PERIVENTRICULAR,
                   Region.CENTRUM_SEMIOVALE, Region.CALLOSAL_BODY),
}  # fmt: skip
"""The regions that lie within or across others, and the ground that they can lie on."""


def _pieces() -> tuple[Piece, ...]:
    """Every ground region with every choice of what may lie across it."""
    pieces: list[Piece] = []
    for ground in GROUND:
        across = [region for region, grounds in ACROSS.items() if ground in grounds]
        pieces += [
            (ground, *some) for count in range(len(across) + 1) for some in combinations(across, count)
        ]
    return tuple(pieces)


PIECES: tuple[Piece, ...] = _pieces()
"""What a label says; it is the place in this list, from 1."""

PARTS: tuple[Region, ...] = tuple(piece[0] for piece in PIECES)
"""The ground region of each label, from 1."""

FLUID_SPACES = (Region.VENTRICLES, Region.CISTERNS, Region.SULCI)
"""The regions of which the fluid is measured, and no tissue is reported."""

UNIONS: dict[Region, tuple[Region, ...]] = {
    Region.PARIETO_OCCIPITAL: (Region.PARIETAL, Region.OCCIPITAL),
    Region.BRAINSTEM: (Region.MIDBRAIN, Region.PONS, Region.MEDULLA),
    Region.BRAIN: tuple(region for region in GROUND if region not in FLUID_SPACES),
}

DRAWN: tuple[Region, ...] = (*GROUND, *ACROSS, *UNIONS)
"""The regions that the labels can tell."""

CORTICAL = (*_LOBES, Region.CINGULATE, Region.INSULA)
"""Cortex and subcortical white matter; the precentral gyrus, temporal pole and watershed bands are parts of the lobes."""


def parts_of(region: Region) -> tuple[int, ...]:
    """The labels that make up a region."""
    wanted = set(UNIONS.get(region, (region,)))
    return tuple(label for label, piece in enumerate(PIECES, 1) if wanted & set(piece))
