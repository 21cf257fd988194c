"""What all checks find in studies, in a process of its own that takes so many threads.

    python -m tests.workers.analysing THREADS OUT CACHE FOLDER [FOLDER ...]

Writes OUT, JSON: findings and lesions of each folder in turn. CACHE is a folder for the costly stages, or "" for none.
"""

import json
import sys
from pathlib import Path

from pydicom import dcmread

from rules.codec import to_plain
from rules.policy import load
from tests.workers.imaging.phantoms import received
from workers.analysis import analyse
from workers.cache import Cache
from workers.checks.registry import checks
from workers.images import Images
from workers.imaging.cuts import measuring_by
from workers.imaging.series import read_study
from workers.stages import Stages
from workers.study import age_years
from workers.threads import limit_threads


def found_in(folder: Path, cache: Cache) -> dict[str, list[dict]]:
    """Findings and lesions of the study in a folder."""
    instances = [
        received(path, folder, dcmread(path, stop_before_pixels=True)) for path in folder.rglob("*.dcm")
    ]
    series, _ = read_study(instances, folder)
    headers = [header for one in series for header in one.headers]
    with measuring_by(load().measurements):
        result = analyse(Images(series, instances, Stages(cache)), checks(), age_years(headers))
    return {"findings": to_plain(result.findings), "lesions": to_plain(result.lesions)}


def main(threads: str, out: str, cache: str, *folders: str) -> None:
    limit_threads(int(threads))
    kept = Cache(Path(cache) if cache else None)
    Path(out).write_text(json.dumps([found_in(Path(folder), kept) for folder in folders]))


if __name__ == "__main__":
    main(*sys.argv[1:])
