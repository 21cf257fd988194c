"""The node: a C-STORE and C-ECHO SCP that answers 0x0000 only when bytes and row are durable."""

import json
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from pydicom.config import IGNORE
from pydicom.config import settings as pydicom_settings
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification

from service import announcements, audit, commitment, pledges
from service.accepted import storage_contexts, tls_context, why_refused
from service.errors import StoreUnavailableError
from service.intake import Intake, open_intake
from service.pledge_answers import PledgeAnswers
from service.receiving import Server, admits, listen
from service.settings import Settings
from service.store.session import Store, open_store, upgrade
from service.upper_layer import MAXIMUM_PDU_BYTES, Limits
from service.workitems import scp as worklist

SUCCESS = 0x0000
NODE_FILE = "node.json"
"""Written to the data folder once the node listens: process id, host and port."""
_NOT_LISTED, _LIMIT_EXCEEDED = (1, 1, 3), (2, 3, 2)
"""Result, source and reason of a rejection: calling AE title not recognised; local limit exceeded (PS3.8 9.3.4)."""
_CONNECTION_TIMEOUT_S = 30.0
_ANSWERING_ENDS_S = 5.0
"""A peer that is being answered when we stop gets its answer again after the next start."""

_log = structlog.get_logger(__name__)


def run_node(settings: Settings, stop: threading.Event) -> None:
    """Listen until `stop` is set.

    Raises OSError if the port is taken, StoreUnavailableError if the database does not answer.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    store = open_store(settings)
    upgrade(store)
    with open_intake(store, settings, are_rows_apart=settings.rows_apart) as intake:
        _serve(intake, settings, stop)
    store.close()


def _serve(intake: Intake, settings: Settings, stop: threading.Event) -> None:
    ae = _entity(settings)
    answers = PledgeAnswers(intake.store, settings)
    server = _listen(ae, intake, settings, answers)
    answering = threading.Thread(target=answers.run, args=(stop,), name="pledges", daemon=True)
    answering.start()
    place = settings.data / NODE_FILE
    try:
        host, port = server.socket.getsockname()[:2]
        _announce(place, host, port)
        _log.info("node_listening", host=host, port=port, ae_title=settings.ae_title)
        stop.wait()
    finally:
        place.unlink(missing_ok=True)
        ae.shutdown()
        answering.join(_ANSWERING_ENDS_S)
        _log.info("node_stopped")


def _entity(settings: Settings) -> Any:
    # Its debug handlers print whole datasets; they stay unbound whatever the log level.
    _config.LOG_HANDLER_LEVEL = "none"
    # It would look at each of a thousand UIDs of an association request with regular expressions, to warn; pynetdicom and we do it again.
    pydicom_settings.reading_validation_mode = IGNORE
    ae = AE(ae_title=settings.ae_title)
    ae.maximum_associations = sys.maxsize  # ours is kept by `admits`
    ae.maximum_pdu_size = MAXIMUM_PDU_BYTES
    ae.network_timeout = settings.network_timeout_s
    ae.acse_timeout = min(settings.network_timeout_s, _CONNECTION_TIMEOUT_S)
    ae.dimse_timeout = settings.network_timeout_s
    ae.require_called_aet = True
    ae.supported_contexts = storage_contexts(settings)
    for sop_class in (Verification, *announcements.SOP_CLASSES):
        ae.add_supported_context(sop_class)
    for sop_class in worklist.SOP_CLASSES if settings.worklist else ():
        ae.add_supported_context(sop_class)
    ae.add_supported_context(commitment.CONTEXT, scu_role=True, scp_role=True)
    return ae


def _listen(ae: Any, intake: Intake, settings: Settings, answers: PledgeAnswers) -> Server:
    handlers = [
        (evt.EVT_C_ECHO, _on_echo),
        *announcements.handlers(intake.store),
        (evt.EVT_REQUESTED, _on_requested, [settings]),
        *commitment.handlers(intake.store),
        *pledges.handlers(intake.store, answers.remember),
        (evt.EVT_REJECTED, _on_rejected, [intake.store, settings]),
    ]
    limits = Limits(settings.network_timeout_s, settings.message_timeout_s, settings.association_timeout_s)
    address = (settings.host, settings.port)
    bound = worklist.beside(handlers, intake.store, settings)
    return listen(ae, address, bound, intake, limits, tls_context(settings))


def _on_echo(_event: Any) -> int:
    return SUCCESS


def _on_requested(event: Any, settings: Settings) -> None:
    """Turn a caller away that is not on the list (pynetdicom's own knows titles only, no addresses), or one too many."""
    requestor = event.assoc.requestor
    if why_refused(requestor.primitive.calling_ae_title.strip(), requestor.address, settings):
        _reject(event.assoc, _NOT_LISTED)
    elif not admits(event.assoc, settings.maximum_associations):
        _reject(event.assoc, _LIMIT_EXCEEDED)


def _reject(assoc: Any, reason: tuple[int, int, int]) -> None:
    assoc.acse.send_reject(*reason)
    evt.trigger(assoc, evt.EVT_REJECTED, {})
    assoc.kill()


def _on_rejected(event: Any, store: Store, settings: Settings) -> None:
    request = event.assoc.requestor.primitive
    reason = _why_rejected(request, event.assoc.requestor.address, settings)
    _log.warning("association_rejected", reason=reason, address=event.assoc.requestor.address)
    try:
        with store.session() as session:
            audit.record(
                session,
                "association_rejected",
                None,
                request.calling_ae_title.strip(),
                datetime.now(UTC),
                reason=reason,
                called_ae_title=request.called_ae_title.strip(),
                address=event.assoc.requestor.address,
            )
    except StoreUnavailableError as error:
        _log.error("audit_failed", audit_event="association_rejected", error=error.detail)


def _why_rejected(request: Any, address: str, settings: Settings) -> str:
    if request.called_ae_title.strip() != settings.ae_title:
        return "called AE title not recognised"
    refused = why_refused(request.calling_ae_title.strip(), address, settings)
    return refused or "too many associations"


def _announce(place: Path, host: str, port: int) -> None:
    temporary = place.with_name(f".{NODE_FILE}.{os.getpid()}")
    temporary.write_text(json.dumps({"pid": os.getpid(), "host": host, "port": port}))
    temporary.replace(place)
