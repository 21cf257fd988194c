"""The schema's history; `service.store.session.upgrade` runs it."""
