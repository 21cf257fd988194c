"""`cartriage triage`: the same pipeline on a folder, without any network or database."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from rules.context import PatientContext
from rules.context_file import ContextError, load_context
from rules.policy import PolicyError
from rules.site import load_policy
from workers.cache import Cache
from workers.errors import CannotAssess
from workers.logs import configure
from workers.models.card import ModelRefused
from workers.offline import FolderError, Outcome, Pictures, triage_folder
from workers.printing import print_outcome
from workers.threads import limit_threads, threads_for


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where the results go."
)
@click.option("--context", "context_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Clinical context as YAML (see docs/context.md).")  # fmt: skip
@click.option("--study", default="", help="Study Instance UID, if the folder holds several studies.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="The moment to decide for, as 2026-03-16T08:00:00+01:00; default is the study's own.",
)
@click.option(
    "--policy", "policy_folder", type=click.Path(exists=True, path_type=Path), help="Another policy."
)
@click.option("--site", type=click.Path(exists=True, file_okay=False, path_type=Path), envvar="CARTRIAGE_SITE_POLICY",
              help="The site's overlay on the policy [default: CARTRIAGE_SITE_POLICY].")  # fmt: skip
@click.option("--baseline", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of one earlier study of the patient to compare with.")  # fmt: skip
@click.option("--figures", type=click.Path(file_okay=False, path_type=Path),
              help="Draw masks, regions and alignment of every series here, as PNG.")  # fmt: skip
@click.option("--masks", type=click.Path(file_okay=False, path_type=Path),
              help="Write the masks of every check here, as NIfTI.")  # fmt: skip
@click.option("--models", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of plug-in models with their cards (docs/operations.md).")  # fmt: skip
@click.option("--segmentation", "has_segmentation", is_flag=True, help="Make SEGs of what was found, too.")
@click.option("--cache", "cache_folder", type=click.Path(file_okay=False, path_type=Path),
              help="Keep the costly stages here between runs.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), envvar="CARTRIAGE_WORKER_THREADS", show_envvar=True,
              help="Threads to compute with [default: one for each core]; findings are the same on any number.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (docs/triage.schema.json).")
def triage(
    folder: Path,
    out: Path,
    context_file: Path | None,
    study: str,
    at: datetime | None,
    policy_folder: Path | None,
    site: Path | None,
    baseline: Path | None,
    figures: Path | None,
    masks: Path | None,
    models: Path | None,
    has_segmentation: bool,  # noqa: FBT001 - click passes options by name
    cache_folder: Path | None,
    threads: int | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Triage the DICOM files below FOLDER. Writes SR, secondary capture (also PNG) and result.json to --out.

    Not for diagnosis. The exit status is 0 if a decision was made, also if that is "not assessed".
    """
    configure("console")
    limit_threads(threads_for(threads))
    try:
        context = load_context(context_file) if context_file else PatientContext(is_cart_recipient=True)
        outcome = triage_folder(
            folder, out, context, load_policy(policy_folder, site), Cache(cache_folder),
            study=study, at=at, baseline=baseline, pictures=Pictures(figures, masks), models=models,
            has_segmentation=has_segmentation, now=datetime.now(UTC).replace(microsecond=0),
        )  # fmt: skip
    except (ContextError, FolderError, ModelRefused, PolicyError, CannotAssess) as error:
        raise click.ClickException(str(error)) from error
    _show(outcome, as_json=as_json)


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(outcome.document, indent=2, ensure_ascii=False))
    else:
        print_outcome(outcome)
