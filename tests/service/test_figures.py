"""Figures that take long to find are kept by the desk and say from when they are; quick ones are always new."""

import threading
from datetime import timedelta

import pytest

from service import figures as module
from service.figures import PERIODS, figures, find, renew
from service.settings import Settings
from service.store.desk_tables import KeptFigures
from service.store.session import Store, open_store, upgrade
from service.web.made_up import fill
from tests.service.conftest import NOON

RUNS = threading.Event()


@pytest.fixture
def many(tmp_path) -> Store:
    """Three hundred made-up studies, the newest from noon."""
    store = open_store(Settings(data=tmp_path / "many"))
    upgrade(store)
    fill(store, 300, NOON)
    yield store
    store.close()


def test_kept_figures_are_those_that_are_found(many: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "QUICK_S", 0.0)
    assert renew(many, lambda: NOON, RUNS) == len(PERIODS)
    later = NOON + timedelta(minutes=30)
    with many.reading() as session:
        shown, at = figures(session, 7, later)
        assert (shown, at) == (find(session, NOON - timedelta(days=7)), NOON)
    assert shown.found.decided > 200
    assert shown.scanners
    assert shown.measured == (), "nobody read one of the newest thousand"


def test_quick_unknown_and_old_figures_are_found_when_somebody_asks(
    many: Store, monkeypatch: pytest.MonkeyPatch
):
    renew(many, lambda: NOON, RUNS)
    later = NOON + timedelta(minutes=5)
    with many.reading() as session:
        assert figures(session, 7, later)[1] == later, "so few studies are counted at once"
    monkeypatch.setattr(module, "QUICK_S", 0.0)
    old = NOON + timedelta(hours=1)
    with many.reading() as session:
        assert figures(session, 7, later)[1] == NOON
        assert figures(session, 8, later)[1] == later
        assert figures(session, 7, old)[1] == old, "the desk has not run for an hour"


def test_figures_of_another_version_are_found_anew(many: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "QUICK_S", 0.0)
    with many.session() as session:
        session.add(KeptFigures(days=7, at=NOON, seconds=9.0, figures={"type": "Figures", "old": 1}))
    later = NOON + timedelta(minutes=5)
    with many.reading() as session:
        assert figures(session, 7, later)[1] == later


def test_the_desk_finds_them_again_after_fifty_times_what_it_took(many: Store):
    stopped = threading.Event()
    renew(many, lambda: NOON, RUNS)
    with many.session() as session:
        session.get_one(KeptFigures, 365).seconds = 6.0
    assert renew(many, lambda: NOON + timedelta(seconds=59), RUNS) == 0
    assert renew(many, lambda: NOON + timedelta(seconds=61), RUNS) == len(PERIODS) - 1
    assert renew(many, lambda: NOON + timedelta(seconds=300), RUNS) == len(PERIODS)
    stopped.set()
    assert renew(many, lambda: NOON + timedelta(days=1), stopped) == 0
