"""Which frames of a multi-frame object are its key images: naming the whole object would name every slice."""

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
from pydicom import Dataset

from rules.findings import Measured
from rules.identity import digest_of
from workers.analysis import Analysis
from workers.checks.areas import KEY_SLICES
from workers.checks.result import CheckResult
from workers.images import Images
from workers.imaging.headers import described_frames
from workers.reports.involvement import amount
from workers.versions import drawing_digest

Places = tuple[tuple[str, int], ...]
"""SOP Instance UIDs, with a frame number of each."""


def key_frames(
    images: Images, analysis: Analysis, headers: Iterable[Dataset], key_uids: tuple[str, ...]
) -> Mapping[str, tuple[int, ...]]:
    """Frame numbers, from 1, on which most of each finding lies, by the SOP Instance UID of a multi-frame key image.

    headers : of the study; without a multi-frame object among the key images no series is asked for
    """
    wanted = {str(one.SOPInstanceUID) for one in headers if described_frames(one)} & set(key_uids)
    found: dict[str, dict[int, None]] = {}
    for name in analysis.results if wanted else ():
        for uid, frame in _kept(images, name, analysis):
            if uid in wanted:
                found.setdefault(uid, {})[frame] = None
    return {uid: tuple(frames) for uid, frames in found.items()}


def _kept(images: Images, name: str, analysis: Analysis) -> Places:
    """Those of one check, out of the cache where its result came from there: its series need not be read again."""
    compute = partial(_of_check, images, analysis.results[name])
    identity = analysis.identities.get(name)
    if identity is None:
        return compute()
    return images.stages.recall(f"frames {name}", digest_of([identity, drawing_digest()]), compute)


def _of_check(images: Images, result: CheckResult) -> Places:
    measured = (one for one in result.findings if isinstance(one, Measured))
    if result.role is None or result.seen is None or not amount(measured) > 0:
        return ()
    volume = images.scan(result.role).volume
    areas = result.seen.sum(axis=(1, 2))
    most = [int(k) for k in np.argsort(-areas, kind="stable")[:KEY_SLICES] if areas[k]]
    return tuple((volume.sop_instance_uids[k], volume.frame_numbers[k]) for k in most)
