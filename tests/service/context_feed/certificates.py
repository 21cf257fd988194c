"""Certificates of a made-up hospital."""

import subprocess
from pathlib import Path

from tests.peers import need


def certificates(folder: Path) -> None:
    """An authority, and one certificate of it that serves both ends."""

    def openssl(*arguments: str) -> None:
        subprocess.run([need("openssl"), *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes", "-subj")
    openssl("req", "-x509", *new, "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2")
    openssl("req", *new, "/CN=localhost", "-keyout", "us.key", "-out", "us.csr")
    openssl(
        "x509",
        "-req",
        "-in",
        "us.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "us.pem",
    )
