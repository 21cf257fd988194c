"""`cartriage replay`: make the decisions of a study again and compare."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from rules.codec import to_plain
from rules.replay import Difference
from service import audit
from service.cli.options import data_option, opened, settings_of, user_name
from service.cli.policies import loaded, policy_options
from service.replay import Outcome, Policies, Replayed
from service.replay import replay as replay_of

_STYLES = {Outcome.IDENTICAL: "bold green", Outcome.DIFFERS: "bold red", Outcome.IMPOSSIBLE: "bold yellow"}
_STATUS = {Outcome.IDENTICAL: 0, Outcome.DIFFERS: 1, Outcome.IMPOSSIBLE: 2}


@click.command()
@click.argument("study")
@click.option("--snapshot", type=click.IntRange(1), help="Only the results of this snapshot.")
@policy_options
@click.option("--json", "as_json", is_flag=True, help="For programs: every replay whole.")
@data_option
def replay(
    study: str,
    snapshot: int | None,
    policy: Path | None,
    site: Path | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Make the decisions of a STUDY again from what is stored, and show whether they are identical.

    STUDY is a UID, the start of a UID, or an accession number. Each result is decided anew by the policy that it was made by, which is
    found by its digest among the kept ones; what another one, installed now or named by --policy, would change is told beside it.
    Images are not analysed again. The replay is audited.

    Ends with 0 if all is identical, 1 if anything differs, 2 if something cannot be replayed.
    """
    with _status_2():
        policies = loaded(policy, site)
        settings = settings_of(data)
        with opened(settings) as store, store.session() as session:
            found = audit.find_studies(session, study)
            if len(found) != 1:
                raise click.ClickException(
                    f"{len(found) or 'No'} studies have the UID or accession number {study}."
                )
            known = Policies(policies, settings.policies)
            results = [one for one in replay_of(session, found[0], known) if snapshot in (None, one.snapshot)]
            if not results:
                raise click.ClickException("There is no result that could be replayed.")
            _note(session, results)
    if as_json:
        click.echo(json.dumps(to_plain(results), indent=2, ensure_ascii=False))
    else:
        _print(Console(highlight=False), results)
    raise SystemExit(max(_STATUS[one.outcome] for one in results))


class _NotReplayedError(click.ClickException):
    """No replay was made."""

    exit_code = _STATUS[Outcome.IMPOSSIBLE]


@contextmanager
def _status_2() -> Iterator[None]:
    """Whatever keeps the replay from being made is another outcome than a difference."""
    try:
        yield
    except click.ClickException as error:
        raise _NotReplayedError(error.message) from error


def _note(session: Session, results: Sequence[Replayed]) -> None:
    for one in results:
        audit.record(
            session,
            "decision_replayed",
            one.study_instance_uid,
            user_name(),
            datetime.now(UTC),
            job_id=one.job_id,
            snapshot=one.snapshot,
            outcome=one.outcome,
            why_not=one.why_not,
            faults=one.faults,
            differences=[f"{found.where}: {found.field}" for found in one.differences],
            purged=one.purged,
            policy=one.policy,
            installed_policy=one.installed,
        )


def _print(console: Console, results: Sequence[Replayed]) -> None:
    for one in results:
        console.print(
            Text.assemble(
                (one.outcome.value, _STYLES[one.outcome]),
                f"  {one.study_instance_uid} snapshot {one.snapshot}",
                (f", decided {one.priority}" if one.priority else ""),
                (f"  job {one.job_id[:16]}", "dim"),
            )
        )
        if one.why_not:
            console.print(Text(f"  {one.why_not}"))
        if one.policy:
            by = f"{one.policy.name} {one.policy.version}, sha256 {one.policy.digest[:16]}"
            console.print(Text(f"  by {by}; {_software(one)}", style="dim"))
        if one.purged:
            console.print(
                Text(
                    f"  {one.purged}; the decision is replayed from its stored findings", style="bold yellow"
                )
            )
        for fault in one.faults:
            console.print(Text(f"  {fault}", style="bold red"))
        if one.differences:
            console.print(_table(one.differences, "Stored", "Replayed"))
        _print_installed(console, one)


def _print_installed(console: Console, one: Replayed) -> None:
    if one.installed is None:
        return
    now = f"{one.installed.name} {one.installed.version}, sha256 {one.installed.digest[:16]}"
    told = [found for found in one.by_installed if found.field != "policy"]
    says = "would decide otherwise" if told else "would decide and word the same"
    console.print(Text(f"  Another policy is installed now ({now}); it {says}."))
    if told:
        console.print(_table(told, "Stored", "By the installed one"))


def _software(one: Replayed) -> str:
    made = (one.versions or {}).get("cartriage", "unknown")
    return f"made by cartriage {made}, replayed by {one.software}"


def _table(found: Sequence[Difference], before: str, after: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, ratio in (("Where", 2), ("Field", 1), (before, 3), (after, 3)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for one in found:
        table.add_row(*(Text(cell) for cell in (one.where, one.field, one.stored, one.replayed)))
    return table
