"""Results of costly stages, kept by what they were made from: inputs, code version and parameters."""

import contextlib
import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

_log = structlog.get_logger()

_TRIM_TO = 0.8
"""Share of the limit that is left after trimming, so that not every write trims."""


@dataclass(slots=True)
class Cache:
    """Stage results in a folder; `None` for a folder keeps nothing.

    Entries are pickles, so the folder must be writable for the workers' own account only. An entry that cannot be
    read (a disk fault, another library version) is made again; it can never fail a study.
    """

    folder: Path | None
    limit_bytes: int = 4 << 30
    hits: set[str] = field(default_factory=set)
    """Stages that were found in the cache by this instance."""

    def recall(self, stage: str, digest: str, compute: Callable[[], T]) -> T:
        """The stored result of `stage` for these inputs, or what `compute` returns, stored.

        digest : identity of everything that `compute` depends on, code version and parameters included
        """
        if self.folder is None:
            return compute()
        path = self.folder / stage / digest[:2] / f"{digest}.pickle"
        found, value = _load(path)
        if found:
            self.hits.add(stage)
            return value
        value = compute()
        self._store(path, value)
        return value

    def _store(self, path: Path, value: Any) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-") as file:
                pickle.dump(value, file, protocol=5)
                file.flush()
                os.link(
                    file.name, path
                )  # a reader sees the whole entry or none; a killed writer leaves no entry
            self._trim()
        except FileExistsError:
            return  # another worker made the same entry meanwhile
        except OSError as error:
            # A full disk costs the next study some seconds; it must not cost this one its result.
            _log.warning("cache_entry_not_stored", error=type(error).__name__)

    def _trim(self) -> None:
        """Remove the entries that were not used for longest, down to below the limit."""
        entries = []
        for entry in (self.folder or Path()).rglob("*.pickle"):
            with contextlib.suppress(FileNotFoundError):  # another worker may be trimming too
                entries.append((entry.stat().st_mtime, entry.stat().st_size, entry))
        used = sum(size for _, size, _ in entries)
        if used <= self.limit_bytes:
            return
        for _, size, entry in sorted(entries):
            entry.unlink(missing_ok=True)
            used -= size
            if used <= self.limit_bytes * _TRIM_TO:
                return


def _load(path: Path) -> tuple[bool, Any]:
    try:
        with path.open("rb") as file:
            value = pickle.load(file)  # noqa: S301 - only the workers' own account writes this folder
        os.utime(path)
    except FileNotFoundError:
        return False, None
    except (
        OSError,
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        ImportError,
        IndexError,
        TypeError,
    ) as error:
        _log.warning("cache_entry_unreadable", error=type(error).__name__)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # else it would stand in the way of the entry made anew
        return False, None
    return True, value
