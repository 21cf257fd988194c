"""`cartriage replay`: make the decisions of a study again and compare."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from rules.codec import MessageError, to_plain
from rules.replay import Difference
from service import audit
from service.cli.options import data_option, opened, settings_of, user_name
from service.cli.policies import loaded, policy_options
from service.images_again import NotAnalysedError, analyse_again
from service.policies import KeptPolicyError
from service.replay import ImagesAgain, Outcome, Policies, Replayed
from service.replay import replay as replay_of
from service.store.files import FileStore
from service.store.session import Store

_STYLES = {Outcome.IDENTICAL: "bold green", Outcome.DIFFERS: "bold red", Outcome.IMPOSSIBLE: "bold yellow"}
_STATUS = {Outcome.IDENTICAL: 0, Outcome.DIFFERS: 1, Outcome.IMPOSSIBLE: 2}


@click.command()
@click.argument("study")
@click.option("--snapshot", type=click.IntRange(1), help="Only the results of this snapshot.")
@policy_options
@click.option("--images", is_flag=True, help="Analyse the stored images again, too; about a minute each.")
@click.option("--json", "as_json", is_flag=True, help="For programs: every replay whole.")
@data_option
def replay(
    study: str,
    snapshot: int | None,
    policy: Path | None,
    site: Path | None,
    data: Path | None,
    *,
    images: bool,
    as_json: bool,
) -> None:
    """Make the decisions of a STUDY again from what is stored, and show whether they are identical.

    STUDY is a UID, the start of a UID, or an accession number. Each result is decided anew by the policy that it was made by, which is
    found by its digest among the kept ones; what another one, installed now or named by --policy, would change is told beside it.
    With --images the workers' software on this machine analyses the stored image files again, without any cache, and each finding is
    compared with the stored one; otherwise the decision rests on the stored findings. The replay is audited.

    Ends with 0 if all is identical, 1 if anything differs, 2 if something cannot be replayed.
    """
    with _status_2():
        policies = loaded(policy, site)
        settings = settings_of(data)
        with opened(settings) as store:
            known = Policies(policies, settings.policies)
            with store.reading() as session:
                results = _results(session, study, snapshot, known)
            if images:
                results = [_with_images(store, one, known, FileStore(settings.files)) for one in results]
            with store.session() as session:
                _note(session, results)
    if as_json:
        click.echo(json.dumps(to_plain(results), indent=2, ensure_ascii=False))
    else:
        _print(Console(highlight=False), results)
    raise SystemExit(max(_STATUS[outcome] for one in results for outcome in _outcomes(one)))


def _results(session: Session, study: str, snapshot: int | None, known: Policies) -> list[Replayed]:
    found = audit.find_studies(session, study)
    if len(found) != 1:
        raise click.ClickException(f"{len(found) or 'No'} studies have the UID or accession number {study}.")
    results = [one for one in replay_of(session, found[0], known) if snapshot in (None, one.snapshot)]
    if not results:
        raise click.ClickException("There is no result that could be replayed.")
    return results


def _with_images(store: Store, one: Replayed, known: Policies, files: FileStore) -> Replayed:
    try:
        found = analyse_again(store, one.job_id, known, files)
    except (NotAnalysedError, KeptPolicyError, MessageError) as error:
        return replace(one, images=ImagesAgain(Outcome.IMPOSSIBLE, str(error)))
    outcome = Outcome.DIFFERS if found.differences else Outcome.IDENTICAL
    return replace(one, images=ImagesAgain(outcome, analysed=found))


def _outcomes(one: Replayed) -> Iterator[Outcome]:
    yield one.outcome
    if one.images:
        yield one.images.outcome


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
            images=_images_told(one),
            policy=one.policy,
            installed_policy=one.installed,
        )


def _images_told(one: Replayed) -> dict[str, object] | None:
    """For the trail: how the images were found again, without values."""
    if one.images is None:
        return None
    found = one.images.analysed
    return {
        "outcome": one.images.outcome,
        "why_not": one.images.why_not,
        "differences": [f"{each.where}: {each.field}" for each in found.differences] if found else [],
        "versions": found.versions if found else {},
    }


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
        _print_images(console, one)


def _print_images(console: Console, one: Replayed) -> None:
    if one.images is None:
        return
    found = one.images.analysed
    told = (
        f"  images analysed again, {found.findings} findings compared" if found else f"  {one.images.why_not}"
    )
    console.print(Text.assemble("  ", (one.images.outcome.value, _STYLES[one.images.outcome]), told))
    if found is None:
        return
    if found.changed:
        console.print(Text(f"  other software than then: {'; '.join(found.changed)}", style="bold yellow"))
    if found.differences:
        console.print(_table(found.differences, "Stored", "Analysed again"))


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
