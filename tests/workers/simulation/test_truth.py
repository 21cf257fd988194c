from dataclasses import replace

import numpy as np
import pytest
import yaml
from pydicom import dcmread

from rules.anatomy import Role
from workers.simulation.cases import case_named
from workers.simulation.conditions import Conditions
from workers.simulation.series import plan_session, warp_during
from workers.simulation.study import StudyOptions, simulate_study
from workers.simulation.subject import Visit, build_subject
from workers.simulation.truth import find_truth
from workers.simulation.vendors import SCANNERS, Vendor

SEED = 6
BLEEDING = replace(case_named("microbleeds_deep"), name="some_bleeds")


def _truth(name: str, visit: Visit | None = None):
    case = case_named(name)
    subject = build_subject(case, np.random.default_rng([SEED, 1]), visit or Visit())
    return find_truth(plan_session(case, subject, SCANNERS[Vendor.GE], SEED), {})


@pytest.fixture(scope="module")
def bleeding(tmp_path_factory):
    """The susceptibility-weighted series of a person who moved between series."""
    options = StudyOptions(roles=frozenset({Role.SWI}), conditions=Conditions(movement=3.0))
    out = tmp_path_factory.mktemp("truth") / "study"
    return simulate_study(BLEEDING, seed=SEED, out=out, options=options)


def test_every_microbleed_is_dark_where_the_truth_says(bleeding):
    images = [dcmread(path) for path in bleeding.files]
    pixels = np.stack([ds.pixel_array for ds in images]).astype(float)
    row, column = np.array(images[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    first = np.array(images[0].ImagePositionPatient, dtype=float)
    step = float(images[0].SpacingBetweenSlices)
    axes = np.stack(
        [np.cross(row, column) / step, column / images[0].PixelSpacing[0], row / images[0].PixelSpacing[1]]
    )
    for bleed in bleeding.truth.microbleeds:
        k, j, i = np.rint(axes @ (np.array(bleed.place_lps_mm) - first)).astype(int)
        around = pixels[k, j - 8 : j + 9, i - 8 : i + 9]
        assert pixels[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].min() < 0.6 * np.median(around)


def test_truth_tells_rules_counts_and_fluid(bleeding):
    plain = yaml.safe_load(bleeding.truth_file.read_text())
    assert plain["expected_rules"] == ["R07"]
    assert plain["microbleed_count"] == len(plain["microbleeds"]) >= 6
    assert "R03" in plain["absent_rules"]
    assert plain["supraventricular_csf_ml"] > 5


def test_the_brain_is_told_on_the_grid_of_the_lesions():
    truth = _truth("ms_like")
    assert truth.brain.shape == truth.mask.shape
    assert not np.any(truth.mask & ~truth.brain & 1)
    brain_ml = truth.brain.sum() * truth.stack.pixel_mm**2 * truth.stack.spacing_mm / 1000
    assert 1000 < brain_ml < 2200


def test_movement_differs_between_series_and_diffusion_moves_as_one(healthy_subject):
    case, subject = case_named("healthy"), healthy_subject
    session = plan_session(case, subject, SCANNERS[Vendor.GE], SEED, Conditions(movement=3.0))
    places = {role: warp_during(session, role).place for role in (Role.FLAIR, Role.SWI, Role.B0, Role.ADC)}
    assert np.linalg.norm(places[Role.FLAIR] - places[Role.SWI]) > 0.2
    assert places[Role.B0] == pytest.approx(places[Role.ADC])
    assert np.abs(places[Role.SWI] - subject.warp.place).max() <= 3.0


def test_restricted_part_has_its_own_mask_on_the_diffusion_grid():
    truth = _truth("pres_restricted")
    restricted = next(part for part in truth.others if part.name == "restricted")
    assert restricted.role is Role.DWI
    assert 0.5 < restricted.volume_ml < truth.volume_ml


def test_oedema_leaves_less_fluid_than_the_same_person_had():
    before, after = (_truth(name, Visit(age=40)) for name in ("healthy", "oedema_severe"))
    assert after.supraventricular_csf_ml < 0.5 * before.supraventricular_csf_ml


def test_another_visit_is_the_same_head_in_another_position():
    first, later = (
        build_subject(case_named("healthy"), np.random.default_rng([SEED, 1]), Visit(age=40, number=number))
        for number in (0, 1)
    )
    assert np.array_equal(first.labels, later.labels)
    assert np.array_equal(first.warp.displacement, later.warp.displacement)
    assert not np.allclose(first.warp.pose, later.warp.pose)
