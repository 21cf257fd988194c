"""From a decision to files: each report is whole and durable under its name, or absent."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from pydicom import Dataset
from pydicom.config import disable_value_validation

from rules.messages import ReportFile, ReportKind
from workers.reports.content import ReportContent
from workers.reports.key_objects import key_objects
from workers.reports.secondary_capture import multi_frame_capture, secondary_capture
from workers.reports.segmentation import segmentations
from workers.reports.structured_report import structured_report

_KINDS: dict[ReportKind, Callable[[ReportContent], Dataset | None]] = {
    ReportKind.SR: structured_report,
    ReportKind.SC: secondary_capture,
    ReportKind.SCM: multi_frame_capture,
    ReportKind.KOS: key_objects,
}
"""Kind to what makes its one object; None says that there is nothing to make it from."""


def write_reports(content: ReportContent, folder: Path, root: Path) -> tuple[ReportFile, ...]:
    """Write every report of a decision into `folder` and say where each is, relative to `root`.

    folder : below `root`; made if missing. Files are named after the kind, a SEG after its source series too, so writing again
             replaces a report by the same bytes.

    Raises OSError if a report cannot be made durable, ValueError if `folder` is not below `root`.
    """
    folder.resolve().relative_to(root.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    # All are made before the first is written: a result with half of its reports is never seen.
    # What the study's headers hold against the rules of its representation stays as it is: pydicom would refuse to write such
    # values, and its warnings about them would carry them into the log.
    with disable_value_validation():
        made = [(kind, name, report, _bytes(report)) for kind, name, report in _reports(content)]
    return tuple(_write(kind, report, data, (folder / name, root)) for kind, name, report, data in made)


def _reports(content: ReportContent) -> Iterator[tuple[ReportKind, str, Dataset]]:
    """Each report with its kind and the name of its file."""
    for kind, make in _KINDS.items():
        report = make(content)
        if report is not None:
            yield kind, f"{kind.value}.dcm", report
    for source, report in segmentations(content):
        yield ReportKind.SEG, f"{ReportKind.SEG.value}-{source}.dcm", report


def _bytes(report: Dataset) -> bytes:
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _write(kind: ReportKind, report: Dataset, data: bytes, place: tuple[Path, Path]) -> ReportFile:
    path, root = place
    _write_durably(path, data)
    return ReportFile(
        kind=kind,
        sop_class_uid=str(report.SOPClassUID),
        sop_instance_uid=str(report.SOPInstanceUID),
        series_instance_uid=str(report.SeriesInstanceUID),
        transfer_syntax_uid=str(report.file_meta.TransferSyntaxUID),
        path=path.resolve().relative_to(root.resolve()).as_posix(),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _write_durably(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name, too, must outlast a power cut
    finally:
        os.close(folder)
