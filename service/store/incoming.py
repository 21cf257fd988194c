"""A file that arrives: a small one is held until it is whole, a large one goes to the disk as it comes."""

import hashlib
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.store.disk import (
    FULL_DISK_NAMED,
    link,
    make_folder,
    new_file,
    sync,
    syncs_names,
    temporary_name,
)

INSTANCES = "instances"
"""Folder of what was received."""
_GROUP_DIGITS = 32
_HASTE_EVERY, _WORTH_HASTE = 8 << 20, 1 << 18
"""Bytes: measured with slices of 131 kB, where it changed nothing, and of 524 kB, where the wait became a quarter shorter."""
_HELD_BYTES = _WORTH_HASTE
"""So much of a file is held: then its bytes are digested, looked through and written in one go, and threads change a dozen times less."""
_HANDS = threading.BoundedSemaphore(64)
"""So many files are held at once in a process (16 MB); those beyond are written as they come."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where bytes lie, and their digest."""

    path: str
    """Relative to the root of the store, with forward slashes."""
    sha256: str
    size_bytes: int


@dataclass(slots=True)
class Incoming:
    """A file that is being written; what is not held goes to the disk as it comes, so its size costs no memory."""

    root: Path
    head_bytes: int
    """So much of it stands before the content."""
    size_bytes: int = 0
    _held: bytearray | None = None
    _descriptor: int = -1
    _temporary: str = ""
    """Its name while it is written; empty while it has none."""
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _hastened_bytes: int = 0
    _has_moved: bool = False
    _is_ours: bool = False
    """The lasting name is of this file, and nobody puts another in its place."""

    def __post_init__(self) -> None:
        if _HANDS.acquire(blocking=False):
            self._held = bytearray()
        else:
            self._open()

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes.

        Raises StorageFullError if there is no space left; for what is held, `keep` does.
        """
        self.size_bytes += len(data)
        if self._held is not None:
            if self.size_bytes <= _HELD_BYTES:
                self._held += data
                return
            self._let_go()
        self._put(data)
        if self.size_bytes - self._hastened_bytes >= _HASTE_EVERY:
            self.hasten()

    def hasten(self) -> None:
        """Let the disk begin to write what has come, so that `sync` has less to wait for; nothing for a small file."""
        fresh = self.size_bytes - self._hastened_bytes
        if self._held is None and fresh >= _WORTH_HASTE and hasattr(os, "posix_fadvise"):  # macOS has none
            # Of pages that are not written yet Linux drops none, it only begins to write them.
            os.posix_fadvise(self._descriptor, self._hastened_bytes, fresh, os.POSIX_FADV_DONTNEED)
            self._hastened_bytes = self.size_bytes

    @contextmanager
    def content(self) -> Iterator[memoryview]:
        """What was written behind the head; of a large file mapped and not copied."""
        if self._held is not None:
            with memoryview(self._held) as whole, whole[self.head_bytes :] as view:
                yield view
        elif self.size_bytes == self.head_bytes:
            yield memoryview(b"")
        else:
            with (
                mmap.mmap(self._descriptor, self.size_bytes, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as whole,
                whole[self.head_bytes :] as view,
            ):
                yield view

    def keep(self, group: str, suffix: str = ".dcm") -> StoredFile:
        """Give the file its lasting name, its SHA-256, in the folder of its group; the same bytes again are the same file.

        group : what lies together, such as a study's UID; any text, only its digest becomes a path

        Bytes and name survive a power cut after `sync`.

        Raises StorageFullError if there is no space left.
        """
        if self._held is not None:
            self._let_go()
        sha256 = self._digest.hexdigest()
        key = hashlib.sha256(group.encode()).hexdigest()[:_GROUP_DIGITS]
        path = f"{INSTANCES}/{key[:2]}/{key}/{sha256}{suffix}"
        with FULL_DISK_NAMED:
            try:
                self._name(f"{self.root}/{path}", sha256)
            except FileNotFoundError:
                make_folder((self.root / path).parent, self.root)
                self._name(f"{self.root}/{path}", sha256)
        return StoredFile(path=path, sha256=sha256, size_bytes=self.size_bytes)

    def sync(self, stored: StoredFile) -> None:
        """Make a kept file and its name survive a power cut.

        Raises StorageFullError, or OSError if the disk fails.
        """
        target = f"{self.root}/{stored.path}"
        with FULL_DISK_NAMED:
            # First the name was given, then it is synced: on the usual file systems one commit of their journal holds both.
            if self._has_moved:
                os.fsync(self._descriptor)
            if not (self._is_ours or os.path.samestat(Path(target).stat(), os.fstat(self._descriptor))):
                sync(target)  # another's, with the same bytes
            if not syncs_names(self.root):
                sync(Path(target).parent)

    def discard(self) -> None:
        """Let go of the file; one that was not kept disappears."""
        if self._held is not None:
            self._held = None
            _HANDS.release()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if self._temporary and not self._has_moved:
                Path(self._temporary).unlink(missing_ok=True)

    def _open(self) -> None:
        with FULL_DISK_NAMED:
            self._temporary, self._descriptor = new_file(self.root)

    def _let_go(self) -> None:
        """Write what was held."""
        held, self._held = self._held, None
        _HANDS.release()
        self._open()
        if held:
            self._put(held)

    def _put(self, data: bytes | bytearray | memoryview) -> None:
        self._digest.update(data)
        view = memoryview(data)
        with FULL_DISK_NAMED:
            while view:
                view = view[os.write(self._descriptor, view) :]

    def _name(self, target: str, sha256: str) -> None:
        if not self._temporary:
            try:
                link(self._descriptor, target)
            except FileExistsError:
                if is_whole(Path(target), sha256, self.size_bytes):
                    return
                self._temporary = temporary_name(self.root)
                link(self._descriptor, self._temporary)
            else:
                self._has_moved = self._is_ours = True
                return
        elif os.access(target, os.F_OK) and is_whole(Path(target), sha256, self.size_bytes):
            return
        Path(self._temporary).replace(target)
        self._has_moved = True


def is_whole(target: Path, sha256: str, size_bytes: int) -> bool:
    """Whether the file is there with these bytes. A crash may have left it torn."""
    try:
        with target.open("rb") as file:
            if os.fstat(file.fileno()).st_size != size_bytes:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
