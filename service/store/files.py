"""The file store: bytes under the name of their own digest, durable before anybody is told."""

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.errors import ForeignPathError, StorageFullError

INSTANCES = "instances"
"""Folder of what was received."""
_TEMPORARY = "incoming"
"""Folder of what is being written: in the same file system, so that a rename is atomic."""
_LEFT_OVER_AFTER_S = 3600.0
"""A temporary file older than this has lost its writer: no object takes an hour to write."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where bytes lie, and their digest."""

    path: str
    """Relative to the root of the store, with forward slashes."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileStore:
    """Files that are written once and never changed."""

    root: Path

    def put(self, *parts: bytes | memoryview, folder: str = INSTANCES, suffix: str = ".dcm") -> StoredFile:
        """Store the parts as one file, under its SHA-256; the same bytes again are the same file.

        When this returns, the bytes and their name survive a power cut (fsync of the file, then of its folder).

        Raises StorageFullError if there is no space left.
        """
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        sha256 = digest.hexdigest()
        size = sum(len(part) for part in parts)
        path = f"{folder}/{sha256[:2]}/{sha256[2:4]}/{sha256}{suffix}"
        target = self.root / path
        with _full_disk_named():
            _make_folder(target.parent, self.root)
            if not (target.exists() and target.stat().st_size == size):
                self._write(target, parts)
            _sync_folder(target.parent)
        return StoredFile(path=path, sha256=sha256, size_bytes=size)

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
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free // 1_000_000

    def clean(self, older_than_s: float = _LEFT_OVER_AFTER_S) -> int:
        """Remove what a killed process left half-written; returns how many files went.

        Another process may be writing at this moment, so young files stay.
        """
        oldest = time.time() - older_than_s
        count = 0
        for path in (self.root / _TEMPORARY).glob("*.part"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    count += 1
            except FileNotFoundError:  # another process cleaned at the same time
                continue
        return count

    def _write(self, target: Path, parts: tuple[bytes | memoryview, ...]) -> None:
        folder = self.root / _TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{os.getpid()}-{secrets.token_hex(8)}.part"
        try:
            with temporary.open("wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        raise


def _make_folder(folder: Path, root: Path) -> None:
    """Make the folder, and make each new name in its parents durable too."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
    folder.mkdir(parents=True, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
