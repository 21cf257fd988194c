"""The disk: new files, names that survive a power cut, and a full disk called by its name."""

import errno
import os
import secrets
from functools import cache
from pathlib import Path

from service.errors import StorageFullError

TEMPORARY = "incoming"
"""Folder of what is being written: in the same file system, so that a link or a rename is atomic."""
_OPEN_FILES = "/proc/self/fd"
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NAMELESS = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC if hasattr(os, "O_TMPFILE") else 0
_JOURNALS = frozenset({"ext4", "xfs", "btrfs"})
_FULL = (errno.ENOSPC, errno.EDQUOT)


class FullDiskNamed:
    """Calls a full disk by its name. A class, as it is entered some times for each object, and a generator costs more."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StorageFullError from error


FULL_DISK_NAMED = FullDiskNamed()


def new_file(root: Path) -> tuple[str, int]:
    """A file without a name (""), or with a temporary one where the file system knows no other, and its descriptor.

    Makers of nameless files wait for no folder's lock, under which a file system may look for room, and a crash leaves none.
    """
    try:
        return _new_file(root)
    except FileNotFoundError:
        (root / TEMPORARY).mkdir(parents=True, exist_ok=True)
        return _new_file(root)


def temporary_name(root: Path) -> str:
    """A name for a file that is to be moved; a text, for pathlib costs more than the system call."""
    return f"{root}/{TEMPORARY}/{os.getpid()}-{secrets.token_hex(8)}.part"


def link(descriptor: int, name: str) -> None:
    """Give a nameless file a name. Raises FileExistsError if it is taken, FileNotFoundError if its folder is not there."""
    # With a folder's descriptor, which an absolute path needs none of, Python asks for the file behind the link (open(2), O_TMPFILE).
    os.link(f"{_OPEN_FILES}/{descriptor}", name, src_dir_fd=descriptor)


def make_folder(folder: Path, root: Path) -> None:
    """Make the folder, and make each new name in its parents durable too."""
    if folder.is_dir():
        return
    if folder != root:
        make_folder(folder.parent, root)
    folder.mkdir(parents=True, exist_ok=True)
    sync(folder.parent)


def sync(path: str | Path) -> None:
    """Let a file or a folder survive a power cut. Raises OSError if the disk fails."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def syncs_names(root: Path) -> bool:
    """Whether fsync of a file that was just named makes its name durable too (POSIX does not promise it).

    The journals of these file systems do: the name changes the file's inode (its ctime) in the transaction that fsync commits. So
    does ext4 without a journal: it notes that an inode has a new entry, and its fsync writes that entry's folder.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    mounts = [(Path(line.split()[4]), line.partition(" - ")[2].split()[0]) for line in lines]
    there = [(len(place.parts), kind) for place, kind in mounts if root.resolve().is_relative_to(place)]
    return bool(there) and max(there)[1] in _JOURNALS


def _new_file(root: Path) -> tuple[str, int]:
    if _knows_nameless(root):
        return "", os.open(f"{root}/{TEMPORARY}", _NAMELESS, 0o640)
    name = temporary_name(root)
    return name, os.open(name, _NEW_FILE, 0o640)


@cache
def _knows_nameless(root: Path) -> bool:
    """Whether files without a name can be made and named there: tried once, as kernels, file systems and containers differ."""
    if not _NAMELESS:  # macOS
        return False
    (root / TEMPORARY).mkdir(parents=True, exist_ok=True)
    name = temporary_name(root)
    try:
        descriptor = os.open(f"{root}/{TEMPORARY}", _NAMELESS, 0o640)
        try:
            link(descriptor, name)
            Path(name).unlink()
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
