"""The process of the feeds, its command, and its settings."""

import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from sqlalchemy import select

from service.cli import main
from service.context_feed.feed import run_context_feed
from service.context_feed.feed_settings import FhirFeed, Hl7Feed
from service.environment import environment_of
from service.processes import embedded, planned
from service.runners import CONTEXT_FEED
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent
from tests.service.context_feed.certificates import certificates
from tests.service.context_feed.conftest import Laboratory


def events(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))


def test_a_person_looks_at_what_was_set_aside_tries_it_again_and_drops_it(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("CARTRIAGE_DATA", str(laboratory.where.settings.data))
    run = CliRunner().invoke
    laboratory.flag()
    laboratory.say("NM|PLT^^99KIS||18|Gpt/l|||||F")  # a code of the site: nobody's business yet
    assert "No message is set aside" in run(main, ["context", "quarantine", "list"]).output
    laboratory.say("NM|777-3^^LN||18|Gpt/l|||||F")
    laboratory.say("NM|icans_grade^^99CARTRIAGE||7||||||F")
    shown = run(main, ["context", "quarantine", "list"]).output
    assert "unit that the mapping does not" in shown
    assert "PHI^SENTINEL" in run(main, ["context", "quarantine", "show", "1"]).output
    assert "still set aside" in run(main, ["context", "quarantine", "retry", "1"]).output

    codes = tmp_path / "codes.yaml"
    units = '{"Gpt/l": 1, "10*3/uL": 1}'
    entry = f"observations:\n  platelets: {{field: platelets, codes: [LOINC 777-3], units: {units}}}\n"
    codes.write_text(f'map: ours\nversion: "1"\n{entry}')
    assert "Gpt/l" in run(main, ["context", "map", str(codes)]).output
    monkeypatch.setenv("CARTRIAGE_CONTEXT_MAP", str(codes))
    assert "1: taken\n2: still set aside" in run(main, ["context", "quarantine", "retry", "--all"]).output
    assert laboratory.held().platelets.value == 18
    assert run(main, ["context", "quarantine", "drop", "2", "--reason", "typing error"]).exit_code == 0
    assert run(main, ["context", "quarantine", "show", "2"]).exit_code == 1
    assert list((laboratory.where.settings.data / "set-aside").iterdir()) == []
    told = events(laboratory.where.store)
    assert {"viewed_context_message", "context_message_retried", "context_message_dropped"} <= set(told)
    codes.write_text("map: ours\n")
    assert "codes.yaml:1: key `version` is missing" in run(main, ["context", "map", str(codes)]).output


def test_the_process_speaks_mutual_tls_and_tells_of_a_server_that_is_down(
    store: Store, settings: Settings, tmp_path: Path
):
    certificates(tmp_path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    us = {
        "tls_certificate": tmp_path / "us.pem",
        "tls_key": tmp_path / "us.key",
        "tls_authorities": tmp_path / "ca.pem",
    }
    feeds = {"context_hl7": Hl7Feed(port=port, **us), "context_fhir": FhirFeed(url="http://127.0.0.1:9")}
    stop = threading.Event()
    thread = threading.Thread(
        target=run_context_feed, args=(settings.model_copy(update=feeds), stop), daemon=True
    )
    thread.start()
    try:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context.check_hostname = False
        with _connected(port) as plain, suppress(OSError), context.wrap_socket(plain) as stranger:
            stranger.sendall(b"\x0bMSH|")  # with TLS 1.3 the refusal comes after the client's handshake
            assert stranger.recv(1) == b""
        context.load_cert_chain(tmp_path / "us.pem", tmp_path / "us.key")
        with _connected(port) as plain, context.wrap_socket(plain) as known:
            known.sendall(b"\x0bMSH|^~\\&|LIS|H|||1||ADT^A08|1|P|2.5.1\rPID|1||P1^^^^MR||||19700102\r\x1c\r")
            assert b"MSA|AA|1" in known.recv(4096)
    finally:
        stop.set()
        thread.join(15)
    assert not thread.is_alive()
    assert {"context_sender_refused", "context_server_failing"} <= set(events(store))


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_the_feeds_are_off_by_default_and_travel_to_every_process(monkeypatch: pytest.MonkeyPatch):
    assert CONTEXT_FEED not in {one.name for one in planned(embedded(Settings()), has_worker=False)}
    given = embedded(
        Settings(
            context_fhir={"url": "https://fhir.example", "token": "secret-1"}, context_hl7={"port": 2575}
        )
    )
    for name, value in environment_of(given).items():
        monkeypatch.setenv(name, value)
    found = Settings()
    assert (found.context_fhir, found.context_hl7) == (given.context_fhir, given.context_hl7)
    assert CONTEXT_FEED in {one.name for one in planned(found, has_worker=False)}


@pytest.mark.parametrize("wrong", [{"senders": ["@10.0.0.0/8"]}, {"senders": ["LIS@home"]}, {"tls_key": "k"}])
def test_a_port_that_would_be_open_by_mistake_is_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        Hl7Feed(**wrong)  # type: ignore[arg-type]
