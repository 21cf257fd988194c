"""The processes of the service by name: a module of its own, as each of them reads it, and most need nothing else of the supervisor's."""

WEB = "web"
AUDIT_FEED = "audit-feed"
DICOMWEB = "dicomweb"
CONTEXT_FEED = "context-feed"
RETENTION = "retention"
ROWS = "rows"
"""Started by the node, which gives it a channel."""
RUNNERS = {
    "courier": "service.courier:run_courier",
    "delivery": "service.delivery:run_delivery",
    "bell": "service.bell:run_bell",
    "assembly": "service.assembly:run_assembly",
    "inquiry": "service.inquiry:run_inquiry",
    "priors": "service.prior_fetch:run_priors",
    "node": "service.node:run_node",
    ROWS: "service.row_process:run_rows",
    DICOMWEB: "service.dicomweb.server:run_dicomweb",
    "desk": "service.desk:run_desk",
    AUDIT_FEED: "service.audit_feed.feed:run_feed",
    CONTEXT_FEED: "service.context_feed.feed:run_context_feed",
    RETENTION: "service.retention:run_retention",
    WEB: "service.web.server:run_web",
}
"""Name of a process of the service to the function that runs it, `run(settings, stop)`."""
