"""`cartriage assessments`: radiologists' assessments, written out."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from pydicom import dcmwrite

from service.assessments.found import Assessed, assessments, plain
from service.assessments.report import NoReportError, assessment_report
from service.audit import record
from service.cli.options import data_option, opened, settings_of, user_name
from service.settings import Settings
from service.store.files import FileStore
from service.store.session import Store


@click.group(name="assessments")
def assessments_() -> None:
    """Radiologists' assessments of results."""


@assessments_.command()
@click.option("--study", default="", help="Only those of a study, by its UID.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only those given since a day (UTC).")
@click.option("--dicom", type=click.Path(file_okay=False, path_type=Path), help="Folder for one SR each.")
@data_option
def export(study: str, since: datetime | None, dicom: Path | None, data: Path | None) -> None:
    """Print the assessments as JSON Lines; with --dicom also write each as a DICOM SR. The export is audited."""
    settings = settings_of(data)
    with opened(settings) as store:
        with store.reading() as session:
            found = assessments(session, study, since.replace(tzinfo=UTC) if since else None)
        for one in found:
            click.echo(json.dumps(plain(one), ensure_ascii=False))
        if dicom:
            _write(found, dicom, settings)
        _note(store, found, "json and dcm" if dicom else "json")


def _write(found: Sequence[Assessed], folder: Path, settings: Settings) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = FileStore(settings.files)
    for one in found:
        try:
            report = assessment_report(one, files)
        except NoReportError as error:
            click.echo(f"assessment {one.given.id}: {error}", err=True)
            continue
        dcmwrite(folder / f"{report.SOPInstanceUID}.dcm", report, enforce_file_format=True)


def _note(store: Store, found: Sequence[Assessed], written: str) -> None:
    with store.session() as session:
        for one in found:
            given, now = one.given, datetime.now(UTC)
            told = {"assessment": given.id, "format": written}
            record(session, "assessment_exported", given.study_instance_uid, user_name(), now, **told)
