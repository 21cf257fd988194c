"""Entry point of Alembic: migrates the connection that `service.store.session.upgrade` hands over."""

from alembic import context

from service.store import (  # each module adds its tables to the one metadata
    desk_tables,  # noqa: F401
    feed_tables,  # noqa: F401
    pledge_tables,  # noqa: F401
    prior_tables,
    retention_tables,  # noqa: F401
    scanner_tables,  # noqa: F401
    series_tables,  # noqa: F401
    workitem_tables,  # noqa: F401
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=prior_tables.PriorSearch.metadata,
    # SQLite takes part too: BEGIN IMMEDIATE stands before the first statement (see session.py).
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
