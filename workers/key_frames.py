"""Which frames of a multi-frame object are its key images: naming the whole object would name every slice."""

from collections.abc import Iterable, Mapping

import numpy as np
from pydicom import Dataset

from rules.findings import Measured
from workers.analysis import Analysis
from workers.checks.areas import KEY_SLICES
from workers.images import Images
from workers.imaging.headers import described_frames
from workers.reports.involvement import amount


def key_frames(
    images: Images, analysis: Analysis, headers: Iterable[Dataset], key_uids: tuple[str, ...]
) -> Mapping[str, tuple[int, ...]]:
    """Frame numbers, from 1, on which most of each finding lies, by the SOP Instance UID of a multi-frame key image.

    headers : of the study; without a multi-frame object among the key images no series is asked for
    """
    wanted = {str(one.SOPInstanceUID) for one in headers if described_frames(one)} & set(key_uids)
    found: dict[str, dict[int, None]] = {}
    for result in analysis.results.values() if wanted else ():
        measured = (one for one in result.findings if isinstance(one, Measured))
        if result.role is None or result.seen is None or not amount(measured) > 0:
            continue
        volume = images.scan(result.role).volume
        areas = result.seen.sum(axis=(1, 2))
        for k in np.argsort(-areas, kind="stable")[:KEY_SLICES]:
            if areas[k] and volume.sop_instance_uids[k] in wanted:
                found.setdefault(volume.sop_instance_uids[k], {})[volume.frame_numbers[k]] = None
    return {uid: tuple(frames) for uid, frames in found.items()}
