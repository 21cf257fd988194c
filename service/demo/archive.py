"""A small storage SCP that keeps files, for machines without Orthanc: `python -m service.demo.archive PORT FOLDER`."""

import os
import secrets
import sys
import threading
from pathlib import Path

from pynetdicom import AE, evt
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import Verification

_STORED = 0x0000


def main() -> None:
    """Answer C-ECHO and C-STORE on 127.0.0.1 until killed."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    ae = AE(ae_title="DEMOPACS")
    ae.supported_contexts = AllStoragePresentationContexts
    ae.add_supported_context(Verification)
    handlers = [(evt.EVT_C_STORE, lambda event: _keep(event, folder))]
    ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    threading.Event().wait()


def _keep(event: evt.Event, folder: Path) -> int:
    """Keep the object under a name of ours: a received UID is never a path."""
    temporary = folder / f".{secrets.token_hex(8)}"
    with temporary.open("wb") as file:
        file.write(event.encoded_dataset())
        os.fsync(file.fileno())
    temporary.replace(folder / f"{secrets.token_hex(8)}.dcm")
    return _STORED


if __name__ == "__main__":
    main()
