"""What a worker answers when the analysis fails: a visible `not assessed`, never silence and never a guess."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from rules.codec import from_plain, to_plain
from rules.context import PatientContext, Recorded
from rules.findings import NotAssessed, Why
from rules.measures import Measure
from rules.messages import (
    STUDY_TRIAGED,
    Basis,
    Completeness,
    EarlierStudy,
    InstanceFile,
    ReportKind,
    StudyReady,
    StudyTriaged,
)
from rules.policy import load
from rules.urgency import Priority
from rules.volumes import StudyVolumes, folder_of
from workers import pipeline, tasks
from workers.analysis import silent
from workers.checks.registry import checks
from workers.errors import PolicyMismatchError
from workers.imaging.cuts import cut_of
from workers.offline import _scan
from workers.settings import WorkerSettings
from workers.tasks import _answer, _only_one, run

_NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path) -> WorkerSettings:
    return WorkerSettings(data=tmp_path / "data")


@pytest.fixture
def ready(simulate, settings) -> StudyReady:
    settings.files.mkdir(parents=True)
    (settings.files / "in").symlink_to(simulate("no_flair"))
    studies, _ = _scan(settings.files / "in" / ".", settings.files / "out")
    ((study, files),) = studies.items()
    here = str(settings.files / "in").lstrip("/")
    instances = tuple(
        one if not one.path.startswith(here) else _moved(one, f"in{one.path[len(here) :]}") for one in files
    )
    return StudyReady(
        job_id="ab" * 32,
        study_instance_uid=study,
        snapshot=1,
        instances=instances,
        completeness=Completeness(Basis.QUIET_TIME, len(files), f"{len(files)} images"),
        context=PatientContext(is_cart_recipient=True, icans_grade=Recorded(3, _NOW)),
        policy_digest=load().digest,
        requested_at=_NOW,
    )


def _moved(instance, path):
    return from_plain(type(instance), {**to_plain(instance), "path": path})


def _explode(error: BaseException):
    def analyse(*_: object) -> object:
        raise error

    return analyse


@pytest.mark.parametrize(
    ("error", "why"), [(RuntimeError("secret"), Why.CRASH), (SoftTimeLimitExceeded(), Why.TIMEOUT)]
)
def test_a_failed_analysis_is_reported_as_not_assessed_with_its_floor(
    monkeypatch, ready, settings, error, why
):
    monkeypatch.setattr(pipeline, "_analysed", _explode(error))
    triaged = run(ready, settings, load())
    assert triaged.failure == type(error).__name__
    assert {one.why for one in triaged.findings if isinstance(one, NotAssessed)} == {why}
    assert not triaged.decision.is_assessed
    assert triaged.decision.priority is Priority.P2
    assert {one.kind for one in triaged.reports} >= {ReportKind.SR, ReportKind.SC, ReportKind.KOS}
    assert "secret" not in str(to_plain(triaged))


def test_a_study_is_measured_by_the_numbers_of_its_policy(monkeypatch, ready, settings):
    held = load()
    number = replace(held.measurements[Measure.FLAIR_SEED_Z], value=9.0)
    policy = replace(held, measurements={**held.measurements, Measure.FLAIR_SEED_Z: number})
    measured_by = []

    def analyse(*_: object) -> object:
        measured_by.append(cut_of(Measure.FLAIR_SEED_Z))
        raise RuntimeError

    monkeypatch.setattr(pipeline, "_analysed", analyse)
    run(ready, settings, policy)
    assert measured_by == [9.0]


def test_a_plug_in_model_that_is_gone_hides_no_study(ready, settings, tmp_path):
    broken = settings.model_copy(update={"models": tmp_path / "gone"})
    triaged = run(ready, broken, load())
    assert triaged.failure == "ModelRefused"
    assert not triaged.decision.is_assessed
    assert triaged.reports


def test_after_repeated_deaths_nothing_is_analysed_again(monkeypatch, ready, settings):
    monkeypatch.setattr(pipeline, "_analysed", _explode(AssertionError("analysed all the same")))
    asked = from_plain(StudyReady, {**to_plain(ready), "is_analysis_allowed": False})
    assert run(asked, settings, load()).decision.priority is Priority.P2


def test_another_policy_than_asked_for_is_refused(ready, settings):
    asked = from_plain(StudyReady, {**to_plain(ready), "policy_digest": "0" * 64})
    with pytest.raises(PolicyMismatchError):
        run(asked, settings, load())


def test_a_file_that_cannot_be_read_is_told_in_result_and_report(ready, settings):
    lost = replace(ready.instances[0], sop_instance_uid="1.2.3", path="in/gone.dcm")
    triaged = run(replace(ready, instances=(*ready.instances, lost)), settings, load())
    assert triaged.unreadable == ("1 file: the file is gone",)
    (report,) = [one for one in triaged.reports if one.kind is ReportKind.SR]
    assert b"not read: 1 file: the file is gone" in (settings.files / report.path).read_bytes()


EARLIER = EarlierStudy(
    "1.2.3", (InstanceFile("1.2", "1.3", "1.4", "in/gone.dcm", "0" * 64),), date(2026, 4, 1)
)


def words_of(triaged: StudyTriaged, settings: WorkerSettings) -> bytes:
    """The structured report, as bytes."""
    (report,) = [one for one in triaged.reports if one.kind is ReportKind.SR]
    return (settings.files / report.path).read_bytes()


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"earlier": EARLIER}, b"compared with the study of 2026-04-01"),
        ({"not_compared": "no earlier one is known"}, b"not compared: no earlier one is known"),
    ],
    ids=["with one", "without one"],
)
def test_the_report_tells_what_the_images_were_compared_with(ready, settings, changes, clause):
    triaged = run(replace(ready, is_analysis_allowed=False, **changes), settings, load())
    assert clause in words_of(triaged, settings)


def test_an_earlier_study_that_breaks_the_analysis_costs_only_the_comparison(monkeypatch, ready, settings):
    def triage(asked: StudyReady, *_: object, **__: object) -> StudyReady:
        if asked.earlier:
            raise RuntimeError
        return asked

    monkeypatch.setattr(tasks, "triage", triage)
    alone = replace(ready, not_compared="the comparison failed (RuntimeError)")
    assert run(replace(ready, earlier=EARLIER), settings, load()) == alone


def test_the_result_travels_as_plain_data(ready, settings):
    triaged = run(ready, settings, load())
    assert from_plain(StudyTriaged, to_plain(triaged)) == triaged


def test_running_a_job_twice_gives_the_same_reports(ready, settings):
    first, second = (run(ready, settings, load()) for _ in range(2))
    assert first.reports == second.reports
    assert len(list(Path(settings.files).glob("reports/*/*/*"))) == len(first.reports)


def test_a_result_without_analysis_never_shares_its_identity_with_an_analysed_one(
    monkeypatch, ready, settings
):
    analysed = run(ready, settings, load())
    monkeypatch.setattr(pipeline, "_analysed", _explode(RuntimeError()))
    failed = run(ready, settings, load())
    assert failed.reports
    for name in ("sop_instance_uid", "path"):
        first, second = ({getattr(one, name) for one in triaged.reports} for triaged in (analysed, failed))
        assert first.isdisjoint(second)


def test_only_one_process_works_on_a_job(tmp_path):
    with (
        _only_one(tmp_path, "job") as first,
        _only_one(tmp_path, "job") as second,
        _only_one(tmp_path, "other") as third,
    ):
        assert (first, second, third) == (True, False, True)
    with _only_one(tmp_path, "job") as again:
        assert again


class _App:
    """Takes what a worker sends, and keeps what was there for the study page at that moment."""

    def __init__(self, files: Path, waiting: Sequence[int] = ()) -> None:
        self.files, self.sent = files, []
        self._waiting = list(waiting)
        """Studies in the queue, each time it is asked; none once there is no more to say."""

    def send_task(self, name: str, **_: object) -> None:
        self.sent.append((name, list((self.files / "volumes").rglob("*.nii.gz"))))

    @contextmanager
    def connection_for_read(self):
        yield self

    @property
    def default_channel(self):
        return SimpleNamespace(client=self)

    def llen(self, _: str) -> int:
        return self._waiting.pop(0) if self._waiting else 0


@pytest.fixture
def unmeasured(monkeypatch):
    """An analysis that costs nothing, as this is about what follows it."""
    monkeypatch.setattr(pipeline, "_analysed", lambda *_: silent(checks(), Why.QUALITY, "motion"))


@pytest.fixture
def one_series(ready):
    """The study with its longest series alone."""
    ((uid, _),) = Counter(one.series_instance_uid for one in ready.instances).most_common(1)
    return replace(ready, instances=tuple(one for one in ready.instances if one.series_instance_uid == uid))


def test_volumes_for_the_page_follow_the_answer(unmeasured, one_series, settings):
    ready, app = one_series, _App(settings.files)
    _answer(app, settings, ready)
    assert app.sent == [(STUDY_TRIAGED, [])], "nobody waits for a picture"
    folder = settings.files / folder_of(ready.study_instance_uid)
    told = from_plain(StudyVolumes, json.loads((folder / f"{ready.job_id}.json").read_text()))
    (one,) = told.volumes
    assert one.series_instance_uid == ready.instances[0].series_instance_uid
    assert (folder / one.file).exists()
    assert not one.found


@pytest.mark.parametrize(("waiting", "left"), [([1], 0), ([0, 1], 1), ([], 6)])
def test_volumes_give_way_to_a_study_that_waits(waiting, left, unmeasured, ready, settings):
    app = _App(settings.files, waiting)
    _answer(app, settings, ready)
    told = (settings.files / folder_of(ready.study_instance_uid) / f"{ready.job_id}.json").read_text()
    assert len(from_plain(StudyVolumes, json.loads(told)).volumes) == left


def test_trouble_with_volumes_costs_no_result(unmeasured, one_series, settings):
    (settings.files / "volumes").write_text("in the way")
    app = _App(settings.files)
    _answer(app, settings, one_series)
    assert [name for name, _ in app.sent] == [STUDY_TRIAGED]
