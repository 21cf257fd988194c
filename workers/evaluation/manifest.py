"""The manifest of a folder suite: which studies lie where, and what is true of them (docs/evaluation.md)."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from workers.evaluation.insertion import RECIPES
from workers.evaluation.suites import Study
from workers.evaluation.truth import MASK_CHECKS, TrueMask, Truth

COLUMNS = frozenset(
    {"folder", "name", "present", "tolerated", "group", "baseline", *(f"{kind}_mask" for kind in MASK_CHECKS)}
)
"""What a row may say. Only `folder` is needed."""

_NAME = re.compile(r"\w[\w.-]*")
"""A name becomes a folder's."""


class ManifestError(ValueError):
    """A manifest that cannot be read as one."""


def read_manifest(path: Path, *, with_inserted: bool = False) -> tuple[Study, ...]:
    """The studies of a manifest, .csv or YAML (a list of rows); relative paths start from the manifest's folder.

    with_inserted : add each study without a pattern, present or tolerated, once more for every recipe of lesions

    Raises ManifestError with the row's number for unknown columns, missing folders or masks, and names given twice.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _yaml_rows(path)
    studies = [_study(number, row, path.parent) for number, row in enumerate(rows, start=1)]
    names = [study.name for study in studies]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ManifestError(f"given twice: {', '.join(sorted(twice))}; set `name`")
    if with_inserted:
        studies += [
            Study(f"{one.name}+{recipe}", folder=one.folder, inserted=recipe)
            for one in studies
            if one.truth and one.truth.is_unremarkable
            for recipe in RECIPES
        ]
    return tuple(studies)


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]


def _yaml_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ManifestError(f"{path.name} is not YAML") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ManifestError(f"{path.name}: expected a list of rows, each with `folder`")
    return rows


def _study(number: int, row: Mapping[str, Any], home: Path) -> Study:
    if unknown := set(row) - COLUMNS:
        raise ManifestError(f"row {number}: unknown {', '.join(sorted(map(str, unknown)))}")
    folder = _existing(number, row, "folder", home)
    if not folder:
        raise ManifestError(f"row {number}: no folder")
    masks = tuple(
        TrueMask(kind, mask) for kind in MASK_CHECKS if (mask := _existing(number, row, f"{kind}_mask", home))
    )
    truth = Truth(
        present=_codes(row.get("present", ())),
        tolerated=_codes(row.get("tolerated", ())),
        masks=masks,
        strata=(("case", str(row.get("group") or "read")),),
    )
    name = str(row.get("name") or Path(folder).name)
    if not _NAME.fullmatch(name):
        raise ManifestError(f"row {number}: a name has letters, digits and . _ - only")
    return Study(name, folder=folder, baseline=_existing(number, row, "baseline", home), truth=truth)


def _existing(number: int, row: Mapping[str, Any], key: str, home: Path) -> str:
    """The absolute path of an entry; empty if the row has none."""
    if not row.get(key):
        return ""
    path = (home / str(row[key])).resolve()
    if not path.exists():
        raise ManifestError(f"row {number}: {key} does not exist")
    return str(path)


def _codes(entry: Any) -> tuple[str, ...]:
    """Rule numbers from a YAML list or from text such as `R03 R10`."""
    return tuple(entry.replace(",", " ").split() if isinstance(entry, str) else map(str, entry))
