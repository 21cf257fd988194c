"""TLS of our own calls: the peer's certificate is always checked (BCP 195 profile of PS3.15 B.9)."""

import socket
import ssl

from service.destinations import Tls


def client_context(tls: Tls) -> ssl.SSLContext:
    """A context for calling a peer: TLS 1.2 or newer.

    Raises OSError (ssl.SSLError among them) if a named certificate or key cannot be read.
    """
    context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.is_host_checked
    if tls.certificate:
        context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
    return context


def is_handshake_refused(host: str, port: int, tls: Tls, timeout_s: float) -> bool:
    """Whether a peer that listens fails at TLS; tells a wrong certificate from a peer that is down."""
    try:
        with socket.create_connection((host, port), timeout_s) as plain:
            client_context(tls).wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLError:
        return True
    except OSError:
        return False
    return False
