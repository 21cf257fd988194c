"""Images analysed again: identical, gone, changed, not to be analysed, and workers that do not answer."""

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from rules.policy import load
from service import images_again
from service.images_again import NotAnalysedError, analyse_again
from service.replay import Analysed, Policies
from service.settings import Settings
from service.store.files import FileStore
from service.store.session import Store
from service.store.tables import Job
from tests.service.test_replay import POLICY, case_of, change, events, job_of, run, stored  # noqa: F401 - a fixture

UID = "1.2.840.7"


@pytest.fixture
def kept(stored, store: Store, settings: Settings) -> str:  # noqa: F811
    """A stored result whose one image file is there; returns its job."""
    stored()
    settings.files.mkdir(parents=True)
    (settings.files / "x").write_bytes(b"image")

    def name(ready: dict) -> None:
        ready["instances"][0]["sha256"] = sha256(b"image").hexdigest()

    change(store, "ready", name)
    return job_of(case_of(), POLICY).job_id


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Workers that run a few lines of Python instead of an analysis."""

    def say(lines: str) -> None:
        monkeypatch.setattr(images_again, "_COMMAND", (sys.executable, "-c", lines))
        monkeypatch.setattr(images_again, "has_workers", lambda: True)

    return say


def analysed(store: Store, settings: Settings, job_id: str) -> Analysed:
    policies = Policies(load(), settings.policies)
    return analyse_again(store, job_id, policies, FileStore(settings.files))


def _answer(store: Store, tmp_path: Path) -> str:
    """What says the stored result once more, by other software, having read the question."""
    with store.reading() as session:
        triaged = session.query(Job).one().triaged
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(triaged | {"versions": {"cartriage": "9"}}))
    return f"import json, sys; json.load(sys.stdin)['ready']; print(open({str(path)!r}).read())"


def test_the_same_again_is_identical_and_tells_other_software(
    kept: str, workers, store: Store, settings: Settings, tmp_path: Path
):
    workers(_answer(store, tmp_path))
    found = analysed(store, settings, kept)
    assert found.differences == ()
    assert found.changed == ("cartriage 0.0.9, now 9",)


def test_the_command_says_so_and_tells_the_trail(
    kept: str, workers, store: Store, settings: Settings, tmp_path: Path
):
    workers(_answer(store, tmp_path))
    outcome = run(settings, UID, "--images")
    assert "identical  images analysed again" in outcome.output
    assert "other software than then: cartriage 0.0.9, now 9" in outcome.output
    (event,) = events(store)
    assert event.detail["images"]["outcome"] == "identical"


@pytest.mark.parametrize(
    ("bytes_", "words"), [(b"other", "1.2.840.7.1.1 has other bytes"), (None, "1.2.840.7.1.1 is gone")]
)
def test_other_files_are_not_analysed(
    kept: str, workers, store: Store, settings: Settings, bytes_: bytes | None, words: str
):
    workers("raise SystemExit('analysed all the same')")
    path = settings.files / "x"
    path.unlink()
    if bytes_:
        path.write_bytes(bytes_)
    with pytest.raises(NotAnalysedError, match=words):
        analysed(store, settings, kept)
    assert run(settings, UID, "--images").exit_code == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("import sys; sys.exit('not analysed: CannotAssess')", "not analysed: CannotAssess"),
        ("print('{}')", "exit status 0"),
    ],
)
def test_workers_that_do_not_answer_are_told(
    kept: str, workers, store: Store, settings: Settings, lines: str, words: str
):
    workers(lines)
    with pytest.raises(NotAnalysedError, match=words):
        analysed(store, settings, kept)


def test_a_result_without_an_analysis_has_none_to_repeat(
    kept: str, workers, store: Store, settings: Settings
):
    workers("")
    change(store, "triaged", lambda triaged: triaged.update(failure="RuntimeError"))
    with pytest.raises(NotAnalysedError, match="without an analysis"):
        analysed(store, settings, kept)
