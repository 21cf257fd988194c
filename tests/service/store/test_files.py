import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import ForeignPathError, StorageFullError
from service.store import disk, incoming
from service.store.files import FileStore, StoredFile


@pytest.fixture(params=["nameless", "named"])
def files(tmp_path: Path, request, monkeypatch) -> FileStore:
    if request.param == "named":  # as on a file system that knows no files without a name
        monkeypatch.setattr(disk, "_knows_nameless", lambda _root: False)
    return FileStore(tmp_path / "files")


def put(files: FileStore, *parts: bytes) -> StoredFile:
    arriving = files.begin()
    for part in parts:
        arriving.write(part)
    stored = arriving.keep("1.2.3")
    arriving.sync(stored)
    arriving.discard()
    return stored


def content_of(arriving: incoming.Incoming) -> bytes:
    with arriving.content() as view:
        return bytes(view)


def test_a_file_lies_under_its_own_digest(files: FileStore):
    stored = put(files, b"head", b"body")
    digest = hashlib.sha256(b"headbody").hexdigest()
    group = hashlib.sha256(b"1.2.3").hexdigest()[:32]
    assert stored.path == f"instances/{group[:2]}/{group}/{digest}.dcm"
    assert (stored.sha256, stored.size_bytes) == (digest, 8)
    assert files.resolve(stored.path).read_bytes() == b"headbody"


def test_the_same_bytes_again_are_the_same_file(files: FileStore):
    first = put(files, b"x")
    inode = files.resolve(first.path).stat().st_ino
    assert put(files, b"x") == first
    assert files.resolve(first.path).stat().st_ino == inode


def test_a_torn_file_of_the_same_name_is_replaced(files: FileStore):
    stored = put(files, b"whole")
    for torn in (b"wh", b"\0" * 5):
        files.resolve(stored.path).write_bytes(torn)
        put(files, b"whole")
        assert files.resolve(stored.path).read_bytes() == b"whole"


@given(content=st.binary(max_size=200), cut=st.integers(0, 200))
@settings(max_examples=25, deadline=None)
def test_the_digest_does_not_depend_on_the_parts(tmp_path_factory, content: bytes, cut: int):
    files = FileStore(tmp_path_factory.mktemp("files"))
    assert put(files, content[:cut], content[cut:]) == put(files, content)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "instances/../../x"])
def test_a_path_out_of_the_store_is_refused(files: FileStore, path: str):
    with pytest.raises(ForeignPathError):
        files.resolve(path)


def test_small_and_large_files_have_the_same_bytes_before_and_after_they_are_kept(files: FileStore):
    for size in (0, 10, incoming._HELD_BYTES, incoming._HELD_BYTES + 1, 3 * incoming._HELD_BYTES):
        arriving = files.begin(b"head")
        body = bytes(range(256)) * (size // 256) + bytes(size % 256)
        for at in range(0, size, 100_000):
            arriving.write(body[at : at + 100_000])
        assert content_of(arriving) == body
        stored = arriving.keep("1.2.3")
        arriving.sync(stored)
        arriving.discard()
        assert files.resolve(stored.path).read_bytes() == b"head" + body
        assert stored.sha256 == hashlib.sha256(b"head" + body).hexdigest()


def test_only_so_many_files_are_held_at_once_and_the_others_are_kept_as_well(files: FileStore):
    many = [files.begin(bytes((number,))) for number in range(70)]
    held = [one for one in many if one._held is not None]
    assert len(held) == 64
    for one in many:
        one.write(b"x" * 1000)
    for one in many:
        one.sync(one.keep("1.2.3"))
        one.discard()
    assert len([path for path in files.root.rglob("*") if path.is_file()]) == 70
    again = files.begin()
    assert again._held is not None, "hands are free again"
    again.discard()


def test_what_is_not_kept_leaves_nothing(files: FileStore):
    for size in (10, 2 * incoming._HELD_BYTES):
        arriving = files.begin()
        arriving.write(bytes(size))
        arriving.discard()
    assert [path for path in files.root.rglob("*") if path.is_file()] == []


def test_old_left_overs_go_and_young_ones_stay(files: FileStore):
    folder = files.root / "incoming"
    folder.mkdir(parents=True)
    for name, age in (("old.part", 7200), ("young.part", 0)):
        (folder / name).write_bytes(b"half")
        moment = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (moment, moment))
    assert files.clean() == 1
    assert [path.name for path in folder.iterdir()] == ["young.part"]


def test_a_full_disk_has_a_name_and_leaves_nothing_half_written(tmp_path: Path):
    """A real limit of the system stands for the full disk: files of this process may not exceed 4 kB."""
    script = (
        "import resource, signal, sys, errno, service.store.disk as d, service.store.files as f\n"
        "from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "d._FULL = (errno.EFBIG,)\n"
        "incoming = f.FileStore(Path(sys.argv[1])).begin()\n"
        "try:\n    incoming.write(b'x' * 300_000)\n"
        "except d.StorageFullError:\n    incoming.discard(); sys.exit(7)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert ended.returncode == 7
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_other_trouble_with_the_disk_keeps_its_name(files: FileStore):
    files.root.mkdir()
    (files.root / "instances").write_text("a file where a folder should be")
    with pytest.raises(OSError) as caught:
        put(files, b"x")
    assert not isinstance(caught.value, StorageFullError)
    assert caught.value.errno in (errno.ENOTDIR, errno.EEXIST)


def test_where_a_nameless_file_cannot_be_named_files_have_temporary_names(tmp_path: Path, monkeypatch):
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(disk, "link", refused)
    store = FileStore(tmp_path / "files")
    assert store.resolve(put(store, b"x").path).read_bytes() == b"x"
    assert list((store.root / "incoming").iterdir()) == []
