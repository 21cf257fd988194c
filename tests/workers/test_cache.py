import os
import pickle

import pytest

from workers.cache import Cache


class _Counting:
    def __init__(self, value: object = 42) -> None:
        self.calls = 0
        self._value = value

    def __call__(self) -> object:
        self.calls += 1
        return self._value


def test_a_stage_is_computed_once_for_the_same_inputs(tmp_path):
    compute = _Counting()
    assert [Cache(tmp_path).recall("stage", "d" * 64, compute) for _ in range(3)] == [42, 42, 42]
    assert compute.calls == 1


def test_other_inputs_are_computed_anew(tmp_path):
    compute = _Counting()
    cache = Cache(tmp_path)
    cache.recall("stage", "a" * 64, compute)
    cache.recall("stage", "b" * 64, compute)
    cache.recall("other", "a" * 64, compute)
    assert compute.calls == 3


def test_hits_are_known_by_stage(tmp_path):
    Cache(tmp_path).recall("stage", "a" * 64, _Counting())
    second = Cache(tmp_path)
    second.recall("stage", "a" * 64, _Counting())
    assert second.hits == {"stage"}


@pytest.mark.parametrize("damage", [b"", b"no pickle", pickle.dumps(list(range(1000)), protocol=5)[:-20]])
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    Cache(tmp_path).recall("stage", "a" * 64, _Counting())
    (entry,) = tmp_path.rglob("*.pickle")
    entry.write_bytes(damage)
    compute = _Counting()
    assert Cache(tmp_path).recall("stage", "a" * 64, compute) == 42
    assert compute.calls == 1
    assert Cache(tmp_path).recall("stage", "a" * 64, compute) == 42
    assert compute.calls == 1, "the damaged entry was not replaced"


def test_the_entries_unused_for_longest_go_first(tmp_path):
    cache = Cache(tmp_path, limit_bytes=25_000)
    for n, name in enumerate("abc"):
        cache.recall("stage", name * 64, _Counting(bytes(10_000)))
        for entry in tmp_path.rglob(f"{name * 64}.pickle"):
            os.utime(entry, (n, n))
    cache.recall("stage", "d" * 64, _Counting(bytes(10_000)))
    left = {entry.stem[0] for entry in tmp_path.rglob("*.pickle")}
    assert "a" not in left
    assert "d" in left
    assert sum(entry.stat().st_size for entry in tmp_path.rglob("*.pickle")) <= 25_000


def test_a_folder_that_cannot_be_written_costs_no_result(tmp_path):
    blocker = tmp_path / "cache"
    blocker.write_text("a file, not a folder")
    assert Cache(blocker).recall("stage", "a" * 64, _Counting()) == 42


def test_no_temporary_file_stays(tmp_path):
    class Unpicklable:
        def __reduce__(self):
            raise OSError(28, "No space left on device")

    assert isinstance(Cache(tmp_path).recall("stage", "a" * 64, Unpicklable), Unpicklable)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_a_folder_nothing_is_kept():
    compute = _Counting()
    cache = Cache(None)
    assert cache.recall("stage", "a" * 64, compute) == cache.recall("stage", "a" * 64, compute) == 42
    assert compute.calls == 2
