"""The file store: bytes under the name of their own digest, a folder for each study, durable before anybody is told."""

import errno
import hashlib
import mmap
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from service.errors import ForeignPathError, StorageFullError

INSTANCES = "instances"
"""Folder of what was received."""
_TEMPORARY = "incoming"
"""Folder of what is being written: in the same file system, so that a rename is atomic."""
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_GROUP_DIGITS = 32
_LEFT_OVER_AFTER_S = 3600.0
"""A temporary file older than this has lost its writer: no object takes an hour to write."""
_HASTE_EVERY, _WORTH_HASTE = 8 << 20, 1 << 18
"""Bytes: measured with slices of 131 kB, where it changed nothing, and of 524 kB, where the wait became a quarter shorter."""
_JOURNALS = frozenset({"ext4", "xfs", "btrfs"})
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

    def begin(self, head: bytes = b"") -> "Incoming":
        """A new file to write to, beginning with `head`.

        Raises StorageFullError if there is no space left.
        """
        # Texts, not paths, here and below: pathlib costs more than the system calls.
        temporary = f"{self.root}/{_TEMPORARY}/{os.getpid()}-{secrets.token_hex(8)}.part"
        with _FULL_DISK_NAMED:
            try:
                descriptor = os.open(temporary, _NEW_FILE, 0o640)
            except FileNotFoundError:
                Path(temporary).parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(temporary, _NEW_FILE, 0o640)
            incoming = Incoming(self.root, temporary, descriptor, syncs_names=_syncs_names(self.root))
        incoming.write(head)
        incoming.head_bytes = len(head)
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
        for path in (self.root / _TEMPORARY).glob("*.part"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    count += 1
            except FileNotFoundError:  # another process cleaned at the same time
                continue
        return count


@dataclass(slots=True)
class Incoming:
    """A file that is being written; its bytes go to the disk as they come, so its size costs no memory."""

    root: Path
    temporary: str
    descriptor: int
    syncs_names: bool
    """Whether the file system makes a file's name durable with the file."""
    head_bytes: int = 0
    size_bytes: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _hastened_bytes: int = 0
    _has_moved: bool = False

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes.

        Raises StorageFullError if there is no space left.
        """
        self._digest.update(data)
        self.size_bytes += len(data)
        view = memoryview(data)
        with _FULL_DISK_NAMED:
            while view:
                view = view[os.write(self.descriptor, view) :]
        if self.size_bytes - self._hastened_bytes >= _HASTE_EVERY:
            self.hasten()

    def hasten(self) -> None:
        """Let the disk begin to write what has come, so that `sync` has less to wait for; nothing for a small file."""
        fresh = self.size_bytes - self._hastened_bytes
        if fresh >= _WORTH_HASTE and hasattr(os, "posix_fadvise"):  # macOS has none
            # Of pages that are not written yet Linux drops none, it only begins to write them.
            os.posix_fadvise(self.descriptor, self._hastened_bytes, fresh, os.POSIX_FADV_DONTNEED)
            self._hastened_bytes = self.size_bytes

    @contextmanager
    def content(self) -> Iterator[memoryview]:
        """What was written behind the head, mapped and not copied."""
        if self.size_bytes == self.head_bytes:
            yield memoryview(b"")
            return
        with (
            mmap.mmap(self.descriptor, self.size_bytes, access=mmap.ACCESS_READ) as mapped,
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
        sha256 = self._digest.hexdigest()
        key = hashlib.sha256(group.encode()).hexdigest()[:_GROUP_DIGITS]
        path = f"{INSTANCES}/{key[:2]}/{key}/{sha256}{suffix}"
        target = f"{self.root}/{path}"
        with _FULL_DISK_NAMED:
            if not (os.access(target, os.F_OK) and is_whole(Path(target), sha256, self.size_bytes)):
                self._move(target)
        return StoredFile(path=path, sha256=sha256, size_bytes=self.size_bytes)

    def sync(self, stored: StoredFile) -> None:
        """Make a kept file and its name survive a power cut.

        Raises StorageFullError, or OSError if the disk fails.
        """
        target = f"{self.root}/{stored.path}"
        with _FULL_DISK_NAMED:
            # First the name was given, then it is synced: on the usual file systems one commit of their journal holds both.
            if self._has_moved:
                os.fsync(self.descriptor)
            if not os.path.samestat(
                os.stat(target), os.fstat(self.descriptor)
            ):  # another's, with the same bytes
                _sync(target)
            if not self.syncs_names:
                _sync(os.path.dirname(target))

    def discard(self) -> None:
        """Let go of the file; one that was not kept disappears."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            if not self._has_moved:
                Path(self.temporary).unlink(missing_ok=True)

    def _move(self, target: str) -> None:
        try:
            os.replace(self.temporary, target)
        except FileNotFoundError:
            _make_folder(Path(target).parent, self.root)
            os.replace(self.temporary, target)
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


class _FullDiskNamed:
    """Calls a full disk by its name. A class, as it is entered a dozen times for each object, and a generator costs more."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StorageFullError from error


_FULL_DISK_NAMED = _FullDiskNamed()


def _make_folder(folder: Path, root: Path) -> None:
    """Make the folder, and make each new name in its parents durable too."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
    folder.mkdir(parents=True, exist_ok=True)
    _sync(folder.parent)


@cache
def _syncs_names(root: Path) -> bool:
    """Whether fsync of a file that was just renamed makes its new name durable too (POSIX does not promise it).

    The journals of these file systems do: the rename changes the file's inode (its ctime) in the transaction that fsync commits.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    mounts = [(Path(line.split()[4]), line.partition(" - ")[2].split()[0]) for line in lines]
    there = [(len(place.parts), kind) for place, kind in mounts if root.resolve().is_relative_to(place)]
    return bool(there) and max(there)[1] in _JOURNALS


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
