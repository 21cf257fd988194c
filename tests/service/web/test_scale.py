"""The list stays quick with very many studies: each kind of page is found by an index, none by reading everything."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from rules.urgency import Priority
from service.drift import SHOWN, drift
from service.listing import Show, Wanted, listed, standing
from service.performance import performance
from service.scanners import WATCHED
from service.settings import Settings
from service.store.session import Store, open_store, upgrade
from service.web.bench import measure
from service.web.house import House
from service.web.made_up import fill

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A database with two thousand studies, which is only read."""
    opened = open_store(Settings(data=tmp_path_factory.mktemp("many")))
    upgrade(opened)
    fill(opened, 2000, NOW)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "ix_worklist_entry_order"),
        (Wanted(priority=Priority.P2), "ix_worklist_entry_order"),
        (Wanted(show=Show.WAITING), "ix_worklist_entry_order"),
        (Wanted(show=Show.ALL), "ix_worklist_entry_all"),
        (Wanted(text="MRN00012"), "ix_worklist_entry_patient_id"),
        (Wanted(text="moka"), "ix_worklist_entry_search_name"),
    ],
)
def test_each_page_is_found_by_an_index(many: Store, wanted: Wanted, index: str):
    with many.reading() as session:
        first = listed(session, wanted)
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        rows = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(str(row[3]) for row in rows)

    event.listen(many.engine, "before_cursor_execute", explain)
    with many.reading() as session:
        if first.next_cursor:
            listed(session, Wanted(wanted.show, wanted.priority, wanted.text, cursor=first.next_cursor))
        else:
            listed(session, wanted)
    event.remove(many.engine, "before_cursor_execute", explain)
    told = " | ".join(plans)
    assert index in told
    assert "SCAN worklist_entry |" not in f"{told} |"


def test_counts_are_made_once_for_each_version(store: Store, settings: Settings):
    fill(store, 500, NOW)
    with store.reading() as session:
        first = standing(session)
        assert sum(first.counts.values()) > 400
        asked: list[str] = []
        event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert standing(session, first).counts == first.counts
    assert not any("count" in statement for statement in asked)


def test_the_bench_times_every_kind_of_page(store: Store, settings: Settings):
    fill(store, 300, NOW)
    measured = list(measure({"sqlite": House(store, settings)}, rounds=3))
    assert len(measured) == 9
    assert all(0 < one.median_ms <= one.p95_ms for one in measured)


def test_the_times_of_results_are_found_without_their_rows(many: Store):
    """SQLite reads a row's documents, a tenth of a megabyte, to reach what stands behind them."""
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        rows = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.append(" | ".join(str(row[3]) for row in rows))

    event.listen(many.engine, "before_cursor_execute", explain)
    with many.reading() as session:
        found = performance(session, NOW - timedelta(days=20))
    event.remove(many.engine, "before_cursor_execute", explain)
    told = [plan for plan in plans if "ix_job_done" in plan]
    assert len(told) == 2
    assert all("job USING COVERING INDEX ix_job_done" in plan for plan in told), told
    assert (
        sum(span.count for span in found.to_result) == sum(one.count for one in found.to_destination) == 2000
    )
    assert all(20 <= span.median_s <= span.p90_s <= 90 for span in found.to_result)
    assert [span.median_s for span in found.to_destination] == pytest.approx([1.0] * 4, abs=0.01)


def test_the_ends_of_a_scanner_are_found_without_all_that_lies_between(many: Store):
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        rows = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.append(" | ".join(str(row[3]) for row in rows))

    event.listen(many.engine, "before_cursor_execute", explain)
    with many.reading() as session:
        found = drift(session, NOW - timedelta(days=20))
    event.remove(many.engine, "before_cursor_execute", explain)
    assert (
        sum("ix_scanner_result_scanner (manufacturer=? AND model=? AND station=?" in plan for plan in plans)
        == 2 * 5
    )
    assert [len(chart.points) for one in found for chart in one.charts] == [SHOWN] * 5 * len(WATCHED)
    assert sum(one.not_assessed.whole for one in found) == 2000
