from typing import TYPE_CHECKING

import numpy as np
import pytest

from rules.anatomy import Role
from workers.simulation.cases import case_named
from workers.simulation.study import SimulatedStudy, StudyOptions, simulate_study
from workers.simulation.subject import Subject, build_subject

if TYPE_CHECKING:
    from pathlib import Path

SEED = 5
"""Any person will do."""


@pytest.fixture(scope="session")
def pres_study(tmp_path_factory) -> SimulatedStudy:
    """FLAIR and diffusion of the PRES case; the other series are left out to save time."""
    out: Path = tmp_path_factory.mktemp("simulated") / "study"
    options = StudyOptions(roles=frozenset({Role.FLAIR, Role.B0, Role.DWI, Role.ADC}))
    return simulate_study(case_named("pres"), seed=SEED, out=out, options=options)


@pytest.fixture(scope="session")
def healthy_subject() -> Subject:
    return build_subject(case_named("healthy"), np.random.default_rng(3))
