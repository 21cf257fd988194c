"""The command `cartriage simulate`."""

import json
from datetime import datetime
from pathlib import Path

import click

from workers.simulation.cases import case_named, cases
from workers.simulation.headers import SimulatedPatient
from workers.simulation.send import Destination, SendError, send
from workers.simulation.study import (
    DEFAULT_STUDY_DATE,
    SimulatedSeries,
    SimulatedStudy,
    StudyOptions,
    simulate_study,
)
from workers.simulation.vendors import Vendor


@click.command()
@click.argument("case", required=False, metavar="CASE")
@click.option("--list", "list_cases", is_flag=True, help="List the cases and stop.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the DICOM files.")
@click.option("--send", "address", metavar="HOST:PORT", help="Also send the study there with C-STORE.")
@click.option("--aet", default="CARTRIAGE", show_default=True, help="AE title to send to.")
@click.option("--calling-aet", default="SCANNER", show_default=True, help="AE title to send as.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Another seed is another person."
)
@click.option(
    "--vendor", default=Vendor.SIEMENS.value, show_default=True, type=click.Choice([v.value for v in Vendor])
)
@click.option("--patient-id", default="DEMO001", show_default=True)
@click.option("--issuer", default="", help="Issuer of the patient ID.")
@click.option("--patient-name", default="DEMO^PATIENT", show_default=True)
@click.option("--sex", default="F", show_default=True, type=click.Choice(["F", "M", "O"]))
@click.option(
    "--study-date",
    default=DEFAULT_STUDY_DATE.isoformat(),
    show_default=True,
    type=click.DateTime(["%Y-%m-%d"]),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def simulate(
    case: str | None,
    list_cases: bool,  # noqa: FBT001 - click's way
    out: Path | None,
    address: str | None,
    aet: str,
    calling_aet: str,
    seed: int,
    vendor: str,
    patient_id: str,
    issuer: str,
    patient_name: str,
    sex: str,
    study_date: datetime,
    as_json: bool,  # noqa: FBT001 - click's way
) -> None:
    """Write a simulated brain MRI study of CASE as DICOM.

    The study goes to OUT/<series>/NNNN.dcm. What is true of it (case, lesion volumes, lesion mask) goes to the folder
    OUT-truth beside it and never into the DICOM. The same CASE, seed and options give the same files.
    """
    if list_cases:
        _print_cases()
        return
    if not case or not out:
        raise click.UsageError("give a CASE and --out DIR, or --list")
    destination = _destination(address, aet, calling_aet)
    patient = SimulatedPatient(patient_id, issuer, patient_name, sex)
    options = StudyOptions(Vendor(vendor), patient, study_date.date())
    study = _simulate(case, seed, out, options, quiet=as_json)
    if destination:
        _send(study, destination, quiet=as_json)
    _print_result(study, as_json=as_json)


def _print_cases() -> None:
    width = max(len(case.name) for case in cases())
    for case in cases():
        click.echo(f"{case.name:<{width}}  {case.sentence}")


def _destination(address: str | None, aet: str, calling_aet: str) -> Destination | None:
    if not address:
        return None
    try:
        return Destination.parse(address, aet, calling_aet)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--send") from error


def _simulate(name: str, seed: int, out: Path, options: StudyOptions, *, quiet: bool) -> SimulatedStudy:
    try:
        case = case_named(name)
    except KeyError as error:
        raise click.BadParameter(f"no case is named {name!r}; see --list", param_hint="CASE") from error
    if out.exists() and any(out.iterdir()):
        raise click.BadParameter(f"{out} is not empty", param_hint="--out")
    return simulate_study(
        case, seed=seed, out=out, options=options, on_series=None if quiet else _print_series
    )


def _print_series(series: SimulatedSeries) -> None:
    click.echo(
        f"{series.number:>4}  {series.role.value:<9} {len(series.files):>4} images  {series.description}"
    )


def _send(study: SimulatedStudy, destination: Destination, *, quiet: bool) -> None:
    for series in study.series:
        try:
            sent = send(series.files, destination)
        except SendError as error:
            raise click.ClickException(str(error)) from error
        if not quiet:
            click.echo(f"sent  {series.role.value:<9} {sent:>4} images to {destination.called_ae}")


def _print_result(study: SimulatedStudy, *, as_json: bool) -> None:
    if as_json:
        result = {
            "study_instance_uid": study.study_instance_uid,
            "folder": str(study.folder),
            "truth": str(study.truth_file),
            "images": len(study.files),
            "lesion_volume_ml": round(study.truth.volume_ml, 3),
        }
        click.echo(json.dumps(result))
        return
    click.echo(f"study {study.study_instance_uid}: {len(study.files)} images in {study.folder}")
    click.echo(f"truth {study.truth_file}: lesion volume {study.truth.volume_ml:.1f} mL")
