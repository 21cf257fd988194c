"""The list stays quick with very many studies: each kind of page is found by an index, none by reading everything."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from rules.urgency import Priority
from service.listing import Show, Wanted, listed, standing
from service.settings import Settings
from service.store.session import Store
from service.web.bench import fill, measure
from service.web.house import House


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
def test_each_page_is_found_by_an_index(store: Store, wanted: Wanted, index: str):
    fill(store, 2000, datetime.now(UTC))
    with store.reading() as session:
        first = listed(session, wanted)
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        rows = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(str(row[3]) for row in rows)

    event.listen(store.engine, "before_cursor_execute", explain)
    with store.reading() as session:
        if first.next_cursor:
            listed(session, Wanted(wanted.show, wanted.priority, wanted.text, cursor=first.next_cursor))
        else:
            listed(session, wanted)
    event.remove(store.engine, "before_cursor_execute", explain)
    told = " | ".join(plans)
    assert index in told
    assert "SCAN worklist_entry |" not in f"{told} |"


def test_counts_are_made_once_for_each_version(store: Store, settings: Settings):
    fill(store, 500, datetime.now(UTC))
    with store.reading() as session:
        first = standing(session)
        assert sum(first.counts.values()) > 400
        asked: list[str] = []
        event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert standing(session, first).counts == first.counts
    assert not any("count" in statement for statement in asked)


def test_the_bench_times_every_kind_of_page(store: Store, settings: Settings):
    fill(store, 300, datetime.now(UTC))
    measured = list(measure(House(store, settings), rounds=3))
    assert len(measured) == 8
    assert all(0 < one.median_ms <= one.p95_ms for one in measured)
