import numpy as np
import pytest

from rules.anatomy import Region, Side
from workers.imaging.parts import ACROSS, PIECES
from workers.imaging.regions import CORTICAL, PARTS, parts_of, sides, template_labels
from workers.imaging.template import load_template

VOLUMES_ML = {
    # Lesion-free adults scaled to the template (about 1.3 times the average brain); wide on purpose.
    Region.THALAMUS: (8, 22),
    Region.CAUDATE: (6, 16),
    Region.PUTAMEN: (7, 16),
    Region.HIPPOCAMPUS: (8, 18),
    Region.SPLENIUM: (5, 14),
    Region.PONS: (11, 24),
    Region.CEREBELLUM: (150, 260),
    Region.FRONTAL: (380, 620),
    Region.PARIETAL: (200, 400),
    Region.OCCIPITAL: (110, 240),
    Region.TEMPORAL: (210, 400),
    Region.GENU: (5, 14),
    Region.CALLOSAL_BODY: (7, 16),
    Region.PRECENTRAL: (35, 80),
    Region.WATERSHED: (60, 240),
    Region.TEMPORAL_POLE: (20, 60),
    Region.PERIAQUEDUCTAL: (0.6, 2.5),
    Region.FOURTH_VENTRICLE_RIM: (2, 12),
    Region.CISTERNS: (3, 15),
    Region.SULCI: (300, 800),
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
        ((0, 30, 5), Region.GENU),
        ((0, -5, 26), Region.CALLOSAL_BODY),
        ((0, -37, 15), Region.SPLENIUM),
        ((24, -3, -19), Region.TEMPORAL_POLE),
        ((-40, 16, -32), Region.TEMPORAL_POLE),
        ((38, -22, 58), Region.PRECENTRAL),
        ((0, -35, -10), Region.PERIAQUEDUCTAL),
        ((0, -37, -33), Region.FOURTH_VENTRICLE_RIM),
        ((25, 10, 55), Region.WATERSHED),
        ((-25, 10, 55), Region.SULCI),
    ],
)
def test_landmark_lies_in_its_region(mni, region):
    labels, affine = template_labels(), load_template(1).affine
    i, j, k = np.rint(np.linalg.inv(affine) @ (-mni[0], -mni[1], mni[2], 1))[:3].astype(int)
    assert region in PIECES[labels[k, j, i] - 1]


def test_unions_hold_their_parts():
    assert set(parts_of(Region.PARIETO_OCCIPITAL)) == {
        *parts_of(Region.PARIETAL),
        *parts_of(Region.OCCIPITAL),
    }
    assert sides(Region.THALAMUS) == (Side.LEFT, Side.RIGHT, Side.WHOLE)
    assert sides(Region.PONS) == (Side.MIDLINE,)
    assert sides(Region.BRAIN) == (Side.WHOLE,)


def test_what_lies_across_others_is_part_of_them():
    labels = template_labels()
    assert np.isin(parts_of(Region.PRECENTRAL), parts_of(Region.FRONTAL)).all()
    assert np.isin(parts_of(Region.TEMPORAL_POLE), parts_of(Region.TEMPORAL)).all()
    for region, grounds in ACROSS.items():
        inside = np.isin(labels, parts_of(region))
        assert inside.any()
        assert {PARTS[label - 1] for label in np.unique(labels[inside])} <= set(grounds)


def test_cortex_holds_the_precentral_gyrus_the_watershed_and_the_temporal_pole():
    cortical = {label for region in CORTICAL for label in parts_of(region)}
    for region in (Region.PRECENTRAL, Region.WATERSHED, Region.TEMPORAL_POLE):
        assert set(parts_of(region)) <= cortical


def test_every_piece_of_the_sulci_lies_above_the_ventricles():
    labels, affine = template_labels(), load_template(1).affine
    sulci, ventricles = (np.isin(labels, parts_of(one)) for one in (Region.SULCI, Region.VENTRICLES))
    assert np.nonzero(sulci)[0].min() >= np.nonzero(ventricles)[0].max()
    assert len(PIECES) < 256
    assert affine[2, 2] > 0
