"""What every report is made from: one decision, its findings, and the headers of the study it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from rules.anatomy import Region, Role, Side
from rules.decision import Decision
from rules.findings import Finding
from rules.messages import ReportFile, ResultState, SeriesUse


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """Who made the report (PS3.3 C.7.5.2). The UID changes with every version."""

    uid: str
    version: str
    name: str = "Cartriage"
    manufacturer: str = "Cartriage"


@dataclass(frozen=True, slots=True, eq=False)
class KeySlice:
    """One slice as the secondary capture shows it."""

    picture: NDArray[np.uint8]
    """(rows, columns), grey, with true proportions."""
    marked: NDArray[np.bool_]
    """The same shape: where the check measured; drawn only if the site asks for contours."""
    letters: tuple[str, str]
    """The patient's sides at the left and right edge."""
    check: str
    series: str
    place: str
    """As in `axial slice 14 of 24`."""


@dataclass(frozen=True, slots=True, eq=False)
class LesionMask:
    """Where a check found something, in one region on one side."""

    check: str
    region: Region
    side: Side
    role: Role
    """What the series shows that it was measured on."""
    mask: NDArray[np.bool_]
    """(k, j, i): slices, rows, columns, as they were acquired."""
    sop_instance_uids: tuple[str, ...]
    """One for each slice."""
    frame_numbers: tuple[int, ...] = ()
    """Of each slice in its instance, from 1; empty stands for instances of one slice."""


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """Everything a report says; the same for SR and SC, so that they cannot disagree."""

    job_id: str
    snapshot: int
    decision: Decision
    findings: tuple[Finding, ...]
    series: tuple[SeriesUse, ...]
    headers: tuple[Dataset, ...]
    """Headers without pixels, one for each readable instance of the study; never empty."""
    key_sop_instance_uids: tuple[str, ...]
    """Key images, most involved first; may be empty."""
    completeness: str
    """One clause: how many images, on what evidence the study counts as whole."""
    context_lines: tuple[str, ...]
    """Clinical context in words, such as `day 15 after infusion` or `ICANS grade 1 (ICE 9)`."""
    decided_at: datetime
    """Aware; content date and time of the reports."""
    device: Device
    versions: dict[str, str]
    state: ResultState = ResultState.CONFIRMED
    predecessor: ReportFile | None = None
    """The structured report that this result supersedes."""
    key_slices: tuple[KeySlice, ...] = ()
    key_frames: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Frame numbers, from 1, by the SOP Instance UID of each multi-frame key image."""
    masks: tuple[LesionMask, ...] = ()
    """For SEGs, one for each series that something was measured on; empty unless the site asked for them."""
    has_contours: bool = False
    """The site asked for contours on the key slices (docs/adr/0010)."""
    target_minutes: float | None = None
    """From the study complete to the start of reading, as the policy asks; None leaves the site's own."""
