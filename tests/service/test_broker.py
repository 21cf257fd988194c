import os
import subprocess
import time

import pytest

from service import broker
from service.broker import (
    NoRedisServerError,
    clear_socket,
    is_answering,
    server_command,
    server_program,
    socket_path,
    socket_url,
)
from service.courier import make_app
from workers.settings import WorkerSettings


def test_the_socket_lies_in_the_data_folder(tmp_path):
    assert socket_path(tmp_path) == tmp_path / "redis.sock"


def test_a_socket_name_that_is_too_long_for_the_system_moves_to_a_private_folder(settings, tmp_path):
    data = tmp_path / ("d" * 120)
    socket = socket_path(data)
    assert len(os.fsencode(socket)) < 100
    assert socket == socket_path(data), "every process finds the same"
    assert socket != socket_path(tmp_path / ("e" * 120))
    server_command(settings.model_copy(update={"data": data}))
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    socket.parent.rmdir()


def test_service_and_workers_find_the_same_broker(settings):
    assert settings.broker == WorkerSettings(data=settings.data).broker == socket_url(settings.data)


def test_a_missing_redis_server_is_said_with_its_remedy(monkeypatch):
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoRedisServerError, match="cartriage\\[embedded\\]"):
        server_program()


@pytest.mark.parametrize("folder", ["data", "with space ü", "d" * 110])
def test_the_embedded_server_listens_on_a_socket_for_this_account_only(settings, tmp_path, folder):
    embedded = settings.model_copy(
        update={"data": tmp_path / folder, "redis_url": socket_url(tmp_path / folder)}
    )
    app = make_app(embedded)
    server = subprocess.Popen(server_command(embedded), stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if is_answering(app):
                break
            time.sleep(0.05)
        assert is_answering(app)
        assert socket_path(embedded.data).stat().st_mode & 0o077 == 0
    finally:
        app.close()
        server.terminate()
        assert server.wait(10) == 0
        clear_socket(embedded.data)
    assert not socket_path(embedded.data).exists()
    assert not is_answering(app)
