"""The node: a C-STORE and C-ECHO SCP that answers 0x0000 only when bytes and row are durable."""

import ipaddress
import json
import os
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.sop_class import Verification

from service import audit, commitment
from service.errors import Refusal, RefusedError, StoreUnavailableError
from service.intake import Intake, Received, open_intake
from service.settings import Settings
from service.store.session import Store, open_store, upgrade

SUCCESS = 0x0000
NODE_FILE = "node.json"
"""Written to the data folder once the node listens: process id, host and port."""
_CONNECTION_TIMEOUT_S = 30.0
_PDU_UNLIMITED = 0
"""Twice as fast for large objects as the usual 16 kB."""

_log = structlog.get_logger(__name__)


def run_node(settings: Settings, stop: threading.Event) -> None:
    """Listen until `stop` is set.

    Raises OSError if the port is taken, StoreUnavailableError if the database does not answer.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    store = open_store(settings)
    upgrade(store)
    ae = _entity(settings)
    handlers = _handlers(open_intake(store, settings), settings)
    server = ae.start_server((settings.host, settings.port), block=False, evt_handlers=handlers)
    place = settings.data / NODE_FILE
    try:
        host, port = server.socket.getsockname()[:2]
        _announce(place, host, port)
        _log.info("node_listening", host=host, port=port, ae_title=settings.ae_title)
        stop.wait()
    finally:
        place.unlink(missing_ok=True)
        ae.shutdown()
        store.close()
        _log.info("node_stopped")


def accepts_any_caller(settings: Settings) -> bool:
    """Whether no list of callers is needed: only while nobody outside this machine can call."""
    if settings.peers:
        return False
    if settings.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return False


def _entity(settings: Settings) -> Any:
    # Its debug handlers print whole datasets; they stay unbound whatever the log level.
    _config.LOG_HANDLER_LEVEL = "none"
    ae = AE(ae_title=settings.ae_title)
    ae.maximum_associations = settings.maximum_associations
    ae.maximum_pdu_size = _PDU_UNLIMITED
    ae.network_timeout = settings.network_timeout_s
    ae.acse_timeout = min(settings.network_timeout_s, _CONNECTION_TIMEOUT_S)
    ae.dimse_timeout = settings.network_timeout_s
    ae.require_called_aet = True
    if not accepts_any_caller(settings):
        # An empty list would mean "anybody" to pynetdicom: a title that nobody can know stands for nobody.
        ae.require_calling_aet = list(settings.peers) or [secrets.token_hex(8)]
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    ae.add_supported_context(Verification)
    ae.add_supported_context(commitment.CONTEXT, scu_role=True, scp_role=True)
    return ae


def _handlers(intake: Intake, settings: Settings) -> list[tuple[Any, ...]]:
    return [
        (evt.EVT_C_STORE, _on_store, [intake]),
        (evt.EVT_C_ECHO, _on_echo),
        *commitment.handlers(intake.store),
        (evt.EVT_REJECTED, _on_rejected, [intake.store, settings]),
    ]


def _on_echo(_event: Any) -> int:
    return SUCCESS


def _on_store(event: Any, intake: Intake) -> int:
    try:
        intake.take(_received(event), datetime.now(UTC))
    except RefusedError as refused:
        _log.warning("instance_refused", reason=refused.refusal.name, detail=str(refused))
        return refused.refusal.value
    except Exception as error:  # noqa: BLE001 - the sender must be told, whatever it was
        # Only its type: its text and its traceback may name a patient.
        _log.error("instance_failed", error=type(error).__name__)
        return Refusal.UNEXPECTED.value
    return SUCCESS


def _received(event: Any) -> Received:
    request = event.request
    return Received(
        dataset=request.DataSet.getbuffer(),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        sop_class_uid=str(request.AffectedSOPClassUID or ""),
        sop_instance_uid=str(request.AffectedSOPInstanceUID or ""),
        calling_ae_title=event.assoc.requestor.ae_title.strip(),
    )


def _on_rejected(event: Any, store: Store, settings: Settings) -> None:
    request = event.assoc.requestor.primitive
    reason = _why_rejected(request, settings)
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


def _why_rejected(request: Any, settings: Settings) -> str:
    if request.called_ae_title.strip() != settings.ae_title:
        return "called AE title not recognised"
    if not accepts_any_caller(settings) and request.calling_ae_title.strip() not in settings.peers:
        return "calling AE title not recognised"
    return "too many associations"


def _announce(place: Path, host: str, port: int) -> None:
    temporary = place.with_name(f".{NODE_FILE}.{os.getpid()}")
    temporary.write_text(json.dumps({"pid": os.getpid(), "host": host, "port": port}))
    temporary.replace(place)
