import gc
import socket
import ssl
import threading
import warnings

import pytest
from pynetdicom.sop_class import Verification

from service.calling import Caller


@pytest.fixture
def refusing():
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def deaf_to_tls():
    """A peer that hangs up on the first bytes of a TLS handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            called, _ = listener.accept()
            with called:
                called.recv(16)

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def left_open(port, tls_args=None):
    """Calls the port in vain, and says which sockets Python then had to close itself."""
    gc.collect()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        caller = Caller("CARTRIAGE", 5)
        caller.add_requested_context(Verification)
        assert not caller.associate("127.0.0.1", port, tls_args=tls_args).is_established
        del caller
        gc.collect()
    return [str(one.message) for one in seen if issubclass(one.category, ResourceWarning)]


def test_a_refused_call_leaves_no_socket_open(refusing):
    assert left_open(refusing) == []


def test_a_refused_tls_handshake_leaves_no_socket_open(deaf_to_tls):
    context = ssl.create_default_context()
    assert left_open(deaf_to_tls, (context, "localhost")) == []


def test_every_wait_of_a_call_ends():
    caller = Caller("CARTRIAGE", 7)
    waits = (caller.connection_timeout, caller.acse_timeout, caller.dimse_timeout, caller.network_timeout)
    assert waits == (7, 7, 7, 7)
