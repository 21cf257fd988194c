import numpy as np
import pytest

from rules.anatomy import Region, Side
from workers.imaging.regions import PARTS, parts_of, sides, template_labels
from workers.imaging.template import load_template

VOLUMES_ML = {
    # Lesion-free adults scaled to the template (about 1.3 times the average brain); wide on purpose.
    Region.THALAMUS: (8, 22),
    Region.CAUDATE: (6, 14),
    Region.PUTAMEN: (7, 16),
    Region.HIPPOCAMPUS: (8, 18),
    Region.SPLENIUM: (2, 9),
    Region.PONS: (11, 24),
    Region.CEREBELLUM: (150, 260),
    Region.FRONTAL: (380, 620),
    Region.PARIETAL: (200, 400),
    Region.OCCIPITAL: (110, 240),
    Region.TEMPORAL: (210, 400),
}


@pytest.mark.parametrize(("region", "bounds"), VOLUMES_ML.items(), ids=str)
def test_region_has_the_volume_of_an_adult(region, bounds):
    volume_ml = np.isin(template_labels(), parts_of(region)).sum() / 1000
    assert bounds[0] <= volume_ml <= bounds[1]


def test_every_voxel_of_the_brain_is_in_one_region():
    template, labels = load_template(1), template_labels()
    tissue = template.brain & (template.grey + template.white > 0.5)
    assert (labels[tissue] > 0).mean() > 0.995
    assert not labels[~template.brain].any()


def test_regions_are_symmetric():
    labels = template_labels()
    assert np.array_equal(labels, labels[:, :, ::-1])


@pytest.mark.parametrize(
    ("mni", "region"),
    [
        ((12, -19, 8), Region.THALAMUS),
        ((26, 4, 0), Region.PUTAMEN),
        ((12, 12, 8), Region.CAUDATE),
        ((-27, -22, -14), Region.HIPPOCAMPUS),
        ((0, -27, -33), Region.PONS),
        ((20, -60, -40), Region.CEREBELLUM),
        ((8, -85, 5), Region.OCCIPITAL),
        ((-30, -92, 0), Region.OCCIPITAL),
        ((45, -45, 50), Region.PARIETAL),
        ((-8, -62, 50), Region.PARIETAL),
        ((30, 50, 15), Region.FRONTAL),
        ((-25, 5, 58), Region.FRONTAL),
        ((58, -20, -15), Region.TEMPORAL),
        ((-42, 12, -32), Region.TEMPORAL),
        ((38, 6, 0), Region.INSULA),
        ((5, 2, 38), Region.CINGULATE),
    ],
)
def test_landmark_lies_in_its_region(mni, region):
    labels, affine = template_labels(), load_template(1).affine
    i, j, k = np.rint(np.linalg.inv(affine) @ (-mni[0], -mni[1], mni[2], 1))[:3].astype(int)
    assert PARTS[labels[k, j, i] - 1] is region


def test_unions_hold_their_parts():
    assert set(parts_of(Region.PARIETO_OCCIPITAL)) == {
        *parts_of(Region.PARIETAL),
        *parts_of(Region.OCCIPITAL),
    }
    assert sides(Region.THALAMUS) == (Side.LEFT, Side.RIGHT, Side.WHOLE)
    assert sides(Region.PONS) == (Side.MIDLINE,)
    assert sides(Region.BRAIN) == (Side.WHOLE,)
