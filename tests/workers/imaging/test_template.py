import numpy as np

from rules.anatomy import Role
from workers.imaging.contrast import CONTRASTS
from workers.imaging.template import load_template


def test_template_is_a_brain_in_template_millimetres():
    template = load_template(1)
    k, j, i = np.nonzero(template.white > 0.5)
    centre = template.affine @ (i.mean(), j.mean(), k.mean(), 1)
    # White matter is centred on the midline, a little behind and above the anterior commissure.
    assert abs(centre[0]) < 1
    assert 5 < centre[1] < 30
    assert 5 < centre[2] < 30


def test_coarser_grid_covers_the_same_brain():
    fine, coarse = load_template(1), load_template(4)
    assert abs(coarse.brain.sum() * 64 / fine.brain.sum() - 1) < 0.05
    corner = coarse.affine @ (-0.5, -0.5, -0.5, 1)
    assert np.allclose(corner, fine.affine @ (-0.5, -0.5, -0.5, 1))


def levels(contrast):
    """Mean signal of grey and white matter and fluid."""
    template = load_template(1)
    image = template.image(contrast)
    return (image[one > 0.9].mean() for one in (template.grey, template.white, template.fluid))


def test_in_flair_fluid_is_dark_and_grey_a_little_brighter_than_white():
    grey, white, fluid = levels(CONTRASTS[Role.FLAIR])
    assert fluid < 0.6 < white < grey


def test_in_t2_fluid_is_brightest_and_white_matter_darkest():
    grey, white, fluid = levels(CONTRASTS[Role.T2])
    assert white < grey < fluid


def test_in_t1_white_matter_is_brightest_and_fluid_darkest():
    grey, white, fluid = levels(CONTRASTS[Role.T1])
    assert fluid < grey < white
