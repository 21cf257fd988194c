"""What is done before a study is whole: series settle, and a provisional result is owed."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from rules.anatomy import Role
from rules.messages import (
    Basis,
    ResultState,
)
from service.announcements import Said, note
from service.completeness import due
from service.courier import make_app
from service.early import look_early
from service.warming import warm_due
from tests.service.conftest import NOON, STUDY
from tests.service.early.study import DWI, FLAIR, SETTLED, events, jobs, rows, told, whole


def test_a_series_settles_when_the_next_one_begins_or_it_is_quiet(store, flag, send, look):
    flag()
    send(1, 1, 2)
    send(2, 1, at=NOON + timedelta(seconds=1))
    look(NOON + timedelta(seconds=1.5))
    assert {uid: (one.objects, one.basis) for uid, one in rows(store).items()} == {FLAIR: (2, "next_series")}
    look(NOON + timedelta(seconds=6))
    assert rows(store)[DWI].basis == "quiet_time"
    assert events(store).count("series_settled") == 2
    assert jobs(store) == []


def test_a_series_of_which_all_announced_objects_came_settles_at_once(store, flag, send, look):
    flag()
    with store.session() as session:
        note(session, Said("1.2.9", STUDY, Basis.MPPS, True, {FLAIR: 2}, "MR1"), NOON)
    send(1, 1)
    look(NOON)
    assert rows(store) == {}
    send(1, 2)
    look(NOON)
    assert rows(store)[FLAIR].basis == "announced"


def test_a_study_that_is_whole_by_evidence_waits_for_no_provisional_result(store, flag, send, look):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    with store.session() as session:
        note(session, Said("1.2.9", STUDY, Basis.MPPS, True, {FLAIR: 1}, "MR1"), SETTLED)
    look()
    assert jobs(store) == []


def test_a_series_that_grows_settles_again(store, flag, send, look):
    flag()
    send(1, 1)
    look()
    send(1, 2, at=SETTLED)
    look(SETTLED + timedelta(seconds=1))
    assert rows(store)[FLAIR].objects == 1
    look(SETTLED + timedelta(seconds=5))
    assert rows(store)[FLAIR].objects == 2


@pytest.mark.parametrize(
    ("registry", "part"),
    [(None, "BRAIN"), ({"birth_date": "1999-09-09"}, "BRAIN"), ({}, "KNEE")],
    ids=["nobody flagged", "identity mismatch", "a knee"],
)
def test_no_worker_is_asked_for_a_study_that_the_gate_declines(store, settings, flag, send, registry, part):
    if registry is not None:
        flag(**registry)
    send(1, 1, SeriesDescription="PD", StudyDescription="MR", BodyPartExamined=part)
    look_early(store, settings, SETTLED, {})
    assert all(one.warm_at is None for one in rows(store).values())
    assert warm_due(store, make_app(settings), settings, SETTLED) == 0


def test_the_first_sufficient_series_owes_a_provisional_result_once(store, settings, flag, send, look):
    flag(icans_grade="1")
    send(1, 1, 2)
    look()
    look()
    assert jobs(store) == [], "nobody knows yet what the series is"
    told(store, s1=Role.FLAIR)
    look()
    look()
    (ready,) = jobs(store)
    assert (ready.state, ready.completeness.basis, len(ready.instances)) == (
        ResultState.PROVISIONAL,
        Basis.ARRIVING,
        2,
    )
    assert "still arriving: 2 images in 1 series" in ready.completeness.detail
    assert events(store)[-2:] == ["study_admitted", "provisional_owed"]


def test_each_sufficient_group_has_its_provisional_result_and_then_the_whole_study(
    store, settings, flag, send, look
):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    send(2, 1, at=SETTLED)
    look(SETTLED + timedelta(seconds=5))
    told(store, s2=Role.DWI)
    look(SETTLED + timedelta(seconds=6))
    assert len(jobs(store)) == 1
    send(3, 1, at=SETTLED)
    look(SETTLED + timedelta(seconds=6))
    told(store, s3=Role.ADC)
    look(SETTLED + timedelta(seconds=7))
    end = SETTLED + timedelta(seconds=40)
    whole(store, settings, end)
    look(end)
    states = [one.state for one in jobs(store)]
    assert states == [ResultState.PROVISIONAL, ResultState.PROVISIONAL, ResultState.CONFIRMED]
    assert [one.snapshot for one in jobs(store)] == [1, 2, 3]
    assert len({one.job_id for one in jobs(store)}) == 3


def test_a_series_that_grew_after_it_was_reported_is_reported_again_within_limits(store, flag, send, look):
    flag()
    for number in range(1, 8):
        at = NOON + timedelta(seconds=10 * number)
        send(1, number, at=at)
        look(at + timedelta(seconds=3))
        told(store, s1=Role.FLAIR)
        look(at + timedelta(seconds=4))
    assert [len(one.instances) for one in jobs(store)] == [1, 2, 3, 4]


def test_a_study_of_one_series_is_confirmed_too(store, settings, flag, send, look):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    whole(store, settings, NOON + timedelta(seconds=31))
    provisional, confirmed = jobs(store)
    assert provisional.instances == confirmed.instances
    assert provisional.job_id != confirmed.job_id
    assert confirmed.predecessor_job_id == provisional.job_id


def test_an_entry_that_cannot_be_read_harms_no_other_study(store, settings, flag, send):
    flag()
    send(1, 1)
    look_early(store, settings, SETTLED, {})
    with store.session() as session:
        session.execute(text("UPDATE cohort_patient SET context = '{\"no_such_field\": 1}'"))
    send(2, 1)
    not_before: dict[str, datetime] = {}
    later = SETTLED + timedelta(seconds=3)
    look_early(store, settings, later, not_before)
    assert list(not_before) == [STUDY]
    assert warm_due(store, make_app(settings), settings, later) == 0
    assert rows(store)[FLAIR].warm_at is None


def test_a_study_with_every_series_of_the_protocol_is_whole(store, settings, flag, send, look):
    flag()
    protocol = settings.model_copy(update={"required_series": (Role.FLAIR, Role.DWI)})
    send(1, 1)
    send(2, 1)
    look()
    told(store, s1=Role.FLAIR)

    def due_at(seconds: float) -> list[str]:
        with store.reading() as session:
            return list(due(session, protocol, NOON + timedelta(seconds=seconds)))

    assert due_at(4) == [], "one is not recognised yet"
    told(store, s2=Role.DWI)
    assert due_at(4) == [STUDY]
    send(3, 1, at=NOON + timedelta(seconds=4))
    assert due_at(10) == [], "another series has begun"
    look(NOON + timedelta(seconds=10))
    assert due_at(10) == [STUDY]
    whole(store, protocol, NOON + timedelta(seconds=10))
    assert jobs(store)[-1].completeness.basis is Basis.REQUIRED_SERIES


def test_what_a_scanner_announced_outweighs_the_protocol(store, settings, flag, send, look):
    flag()
    protocol = settings.model_copy(update={"required_series": (Role.FLAIR,)})
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    with store.session() as session:
        note(session, Said("1.2.9", STUDY, Basis.MPPS, False, {}, "MR1"), NOON)
    with store.reading() as session:
        assert due(session, protocol, SETTLED) == []


def test_a_site_can_do_without_provisional_results(store, settings, flag, send):
    flag()
    send(1, 1)
    without = settings.model_copy(update={"is_provisional": False})
    look_early(store, without, SETTLED, {})
    told(store, s1=Role.FLAIR)
    look_early(store, without, SETTLED, {})
    assert jobs(store) == []
    assert rows(store)[FLAIR].warm_at == SETTLED, "the cache is warmed all the same"


def test_late_images_after_a_whole_study_are_no_early_work(store, settings, flag, send, look):
    flag()
    send(1, 1)
    whole(store, settings, NOON + timedelta(seconds=31))
    later = NOON + timedelta(minutes=5)
    send(2, 1, at=later)
    look(later + timedelta(seconds=10))
    assert rows(store) == {}
    whole(store, settings, later + timedelta(seconds=31))
    assert [one.state for one in jobs(store)] == [ResultState.CONFIRMED, ResultState.CONFIRMED]
