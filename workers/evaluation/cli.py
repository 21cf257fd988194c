"""The command `cartriage evaluate`."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from rules.codec import to_plain
from rules.policy import PolicyError, load
from workers.evaluation.deciding import decided
from workers.evaluation.manifest import ManifestError, read_manifest
from workers.evaluation.outcome import Outcome
from workers.evaluation.page import page_of
from workers.evaluation.report import Report, report_of
from workers.evaluation.running import Plan, left, run_all
from workers.evaluation.suites import Study
from workers.evaluation.synthetic import names
from workers.evaluation.tables import Table
from workers.simulation.suite import Half
from workers.versions import code_digest


@click.command()
@click.argument("manifest", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--suite", type=click.Choice(["synthetic", "folder"]), required=True)
@click.option("--half", type=click.Choice([half.value for half in Half]), default=Half.TUNING.value, show_default=True,
              help="Of the synthetic suite; the reporting half is for the final word only.")  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where the report goes."
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many studies.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Studies at once.")
@click.option("--time-limit", type=click.IntRange(min=1), default=600, show_default=True,
              help="Seconds for one study.")  # fmt: skip
@click.option(
    "--seed-offset",
    type=click.IntRange(min=0),
    default=0,
    help="Other people with the same cases; synthetic only.",
)
@click.option("--insert", "with_inserted", is_flag=True,
              help="Folder suite: also the studies without a pattern with lesions put into them.")  # fmt: skip
@click.option("--keep-studies", type=click.Path(file_okay=False, path_type=Path),
              help="Keep the simulated studies here (about 40 MB each) and use those that are here.")  # fmt: skip
@click.option("--report-only", is_flag=True,
              help="Measure nothing: report on what lies in OUT, whatever version measured it.")  # fmt: skip
@click.option(
    "--policy", "policy_folder", type=click.Path(exists=True, path_type=Path), help="Another policy."
)
def evaluate(
    manifest: Path | None,
    suite: str,
    half: str,
    out: Path,
    limit: int | None,
    jobs: int,
    time_limit: int,
    seed_offset: int,
    with_inserted: bool,  # noqa: FBT001 - click passes options by name
    keep_studies: Path | None,
    report_only: bool,  # noqa: FBT001
    policy_folder: Path | None,
) -> None:
    """Triage many studies with known truth and write OUT/report.html and OUT/report.json.

    What was measured before with the same code is not measured again: a stopped run goes on where it was, and another
    policy only decides. With --report-only the report is made anew from what any version left in OUT; the truth of
    studies in --keep-studies is read anew.
    """
    try:
        policy = load(policy_folder)
        studies = _studies(suite, manifest, half, seed_offset, with_inserted=with_inserted)[:limit]
    except (ManifestError, PolicyError) as error:
        raise click.ClickException(str(error)) from error
    versions = (code_digest(), _digest_of("simulation", "evaluation"))
    kept = keep_studies and keep_studies / _digest_of("simulation")[:12]
    plan = Plan(out, jobs, float(time_limit), policy_folder, versions, kept)
    found = left(studies, plan) if report_only else run_all(studies, plan, _told(len(studies)))
    # What another version measured may have been decided by other code too.
    outcomes = tuple(
        decided(one, policy) if report_only or one.policy_digest != policy.digest else one for one in found
    )
    name = f"synthetic, {half} half" if suite == "synthetic" else "folder"
    if report_only:
        name += f"; measured before, {len(outcomes)} of {len(studies)} studies"
    now = datetime.now(UTC).replace(microsecond=0)
    report = report_of(outcomes, policy, name, now.isoformat())
    _write(report, out)
    _show(report.tables[0], out)


def _digest_of(*packages: str) -> str:
    """SHA-256 over code that makes studies or compares them: a changed simulator makes other studies."""
    digest = hashlib.sha256()
    for package in packages:
        for file in sorted((Path(__file__).parents[1] / package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _studies(
    suite: str, manifest: Path | None, half: str, seed_offset: int, *, with_inserted: bool
) -> Sequence[Study]:
    if suite == "folder":
        if manifest is None:
            raise click.UsageError("--suite folder needs a MANIFEST")
        return read_manifest(manifest, with_inserted=with_inserted)
    if manifest is not None or with_inserted:
        raise click.UsageError("MANIFEST and --insert belong to --suite folder")
    try:
        return tuple(Study(name) for name in names(Half(half), seed_offset))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


class _Told:
    """Prints a line for each case that is done."""

    def __init__(self, total: int) -> None:
        self._left = total

    def __call__(self, outcome: Outcome) -> None:
        self._left -= 1
        priority = outcome.imaging_priority or outcome.ending
        wrong = " ".join(outcome.wrong_rules)
        click.echo(f"{outcome.name:<44} {priority:<8} {outcome.seconds:6.1f} s  {wrong}  ({self._left} left)")


def _told(total: int) -> _Told:
    return _Told(total)


def _write(report: Report, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    plain = to_plain(report)
    (out / "report.json").write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "report.html").write_text(page_of(report, out.resolve()), encoding="utf-8")


def _show(bars: Table, out: Path) -> None:
    for row in bars.rows:
        click.echo(f"{row[0]:<70} {row[1]:<8} {row[3]}")
    click.echo(f"report: {out / 'report.html'}")
