"""The file store: bytes under the name of their own digest, a folder for each study, durable before anybody is told."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from service.errors import ForeignPathError
from service.store.disk import TEMPORARY
from service.store.incoming import Incoming, StoredFile, is_whole

__all__ = ["FileStore", "Incoming", "StoredFile", "is_whole"]

_LEFT_OVER_AFTER_S = 3600.0
"""A temporary file older than this has lost its writer: no object takes an hour to write."""


@dataclass(frozen=True, slots=True)
class FileStore:
    """Files that are written once and never changed."""

    root: Path

    def begin(self, head: bytes = b"") -> Incoming:
        """A new file to write to, beginning with `head`.

        Raises StorageFullError if there is no space left.
        """
        incoming = Incoming(self.root, len(head))
        incoming.write(head)
        return incoming

    def resolve(self, path: str) -> Path:
        """The absolute place of a stored path.

        Raises ForeignPathError if it leads out of the store.
        """
        root = self.root.resolve()
        absolute = (root / path).resolve()
        if not absolute.is_relative_to(root):
            raise ForeignPathError
        return absolute

    def free_mb(self) -> int:
        """Space left to us, in MB (10^6 bytes)."""
        try:
            return shutil.disk_usage(self.root).free // 1_000_000
        except FileNotFoundError:
            self.root.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self.root).free // 1_000_000

    def clean(self, older_than_s: float = _LEFT_OVER_AFTER_S) -> int:
        """Remove what a killed process left half-written; returns how many files went.

        Another process may be writing at this moment, so young files stay.
        """
        oldest = time.time() - older_than_s
        count = 0
        for path in (self.root / TEMPORARY).glob("*.part"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    count += 1
            except FileNotFoundError:  # another process cleaned at the same time
                continue
        return count
