"""`cartriage rules`: look at the policy, try it on cases, compare it with another."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from rules.account import accounts
from rules.case_file import Story, read_cases
from rules.case_verdict import Verdict, put
from rules.codec import to_plain
from rules.policy import Policy, problems
from rules.policy_diff import compared
from rules.rule_table import cuts_of, markdown
from service.backtest import backtest as decide_again
from service.cli.options import data_option, opened, settings_of
from service.cli.policies import FOLDER, complaints, loaded, policy_options, site_option
from service.cli.rule_changes import plain_backtest, print_backtest, print_changes, print_site
from service.cli.rule_pages import (
    identity_line,
    print_accounts,
    print_decision,
    print_measurements,
    print_rule,
    print_table,
)
from service.cli.rule_verdicts import plain_verdicts, print_verdicts

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def rules() -> None:
    """Look at the rules, try them on cases, and compare them with others."""


@rules.command()
@click.argument("folder", type=FOLDER, required=False)
@site_option
def check(folder: Path | None, site: Path | None) -> None:
    """Check a policy, with file and line of every complaint.

    The policy in FOLDER, or the installed one, with the site's overlay; what the overlay changes is told.
    """
    found = problems(folder)
    for problem in found:
        click.echo(str(problem), err=True)
    if found:
        files = "file" if len(found) == 1 else "files"
        raise click.ClickException(f"this policy must not be used: {len(found)} {files} with an error")
    policy = loaded(folder, site)
    cuts = [cut for condition in policy.conditions() for cut in cuts_of(condition)]
    cuts += policy.measurements.values()
    proposed = sum(cut.source.startswith("[P]") for cut in cuts)
    console = Console(highlight=False)
    if policy.site:
        print_site(console, policy, loaded(folder))
    told = f"{len(policy.rules)} rules, {len(policy.floors)} floors, {len(cuts)} cuts"
    click.echo(
        f"{policy.identity.name} {policy.identity.version} can be used: {told}"
        f" ({proposed} of them proposed without a published value)\nsha256 {policy.digest}"
    )


@rules.command()
@click.argument("rule", required=False)
@click.option("--markdown", "as_markdown", is_flag=True, help="As docs/rules.md has it.")
@policy_options
def show(rule: str | None, policy: Path | None, site: Path | None, *, as_markdown: bool) -> None:
    """Show all rules, or one RULE in full (as in R03).

    `measurements` shows the numbers by which the checks measure.
    """
    used = loaded(policy, site)
    if as_markdown:
        click.echo(markdown(used), nl=False)
        return
    console = Console(highlight=False)
    if rule is None:
        print_table(console, used)
        return
    if rule.lower() == "measurements":
        print_measurements(console, used)
        return
    found = next((one for one in used.rules if one.code == rule.upper()), None)
    if found is None:
        raise click.ClickException(
            f"{rule} is no rule of the policy: {', '.join(one.code for one in used.rules)}, or measurements"
        )
    print_rule(console, found)


@rules.command()
@click.argument("file", type=_FILE)
@click.argument("name", default="")
@click.option("--all", "with_absent", is_flag=True, help="Tell the absent patterns in full too.")
@click.option("--json", "as_json", is_flag=True, help="For programs: the decisions.")
@policy_options
def explain(
    file: Path, name: str, policy: Path | None, site: Path | None, *, with_absent: bool, as_json: bool
) -> None:
    """Explain how cases are decided, and why.

    All cases of FILE (docs/cases.md), or those whose name begins with NAME.
    """
    used = loaded(policy, site)
    chosen = [story for story in _stories(file, used) if story.name.lower().startswith(name.lower())]
    if not chosen:
        raise click.ClickException(f"no case in {file.name} has a name that begins with “{name}”")
    verdicts = [put(used, story) for story in chosen]
    if as_json:
        decisions = [to_plain(outcome.decision) for verdict in verdicts for outcome in verdict.outcomes]
        click.echo(json.dumps(decisions, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for verdict in verdicts:
        _explain(console, used, verdict, with_absent=with_absent)
    console.print(identity_line(used))


@rules.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Only the cases that are not decided as expected.")
@policy_options
def test(
    files: tuple[Path, ...], policy: Path | None, site: Path | None, *, as_json: bool, is_quiet: bool
) -> None:
    """Try cases; fails if one is decided otherwise.

    The cases of FILES (docs/cases.md) are decided and compared with what they expect.
    """
    used = loaded(policy, site)
    verdicts = [put(used, story) for file in files for story in _stories(file, used)]
    if as_json:
        click.echo(json.dumps(plain_verdicts(verdicts), indent=2, ensure_ascii=False))
    else:
        print_verdicts(Console(highlight=False), verdicts, is_quiet=is_quiet)
    if not all(verdict.holds for verdict in verdicts):
        raise SystemExit(1)


@rules.command()
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def diff(old: Path, new: Path | None, *, as_json: bool) -> None:
    """Compare two policies rule by rule.

    Folder OLD with folder NEW, or with the installed policy.
    """
    changes = compared(loaded(old), loaded(new))
    if as_json:
        click.echo(json.dumps(to_plain(changes), indent=2, ensure_ascii=False))
        return
    print_changes(Console(highlight=False), changes)


@rules.command()
@policy_options
@click.option("--json", "as_json", is_flag=True, help="For programs: both decisions of every study.")
@data_option
def backtest(policy: Path | None, site: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Decide all stored studies again; writes nothing.

    With another policy, telling every decision that would change, and why.
    """
    used = loaded(policy, site)
    with opened(settings_of(data), is_only_read=True) as store, store.reading() as session:
        results = list(decide_again(session, used))
    if as_json:
        click.echo(json.dumps(plain_backtest(results), indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    print_backtest(console, results)
    console.print(identity_line(used))


def _stories(file: Path, policy: Policy) -> tuple[Story, ...]:
    with complaints():
        try:
            return read_cases(file.read_text(encoding="utf-8"), file.name, policy)
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{file.name} is not UTF-8") from error


def _explain(console: Console, policy: Policy, verdict: Verdict, *, with_absent: bool) -> None:
    console.print(Text(verdict.story.name, style="bold underline"))
    for outcome in verdict.outcomes:
        if outcome.step.when:
            console.print(Text(f"Then: {outcome.step.when}", style="bold underline"))
        if len(outcome.step.variants) > 1:
            count = len(outcome.step.variants)
            console.print(
                Text(f"one of {count} values within its ranges: {outcome.step.variants[0].name}", style="dim")
            )
        console.print()
        print_decision(console, outcome.decision)
        if outcome.shown.why:
            console.print(Text(f"  In the list: {outcome.shown.why}.", style="bold"))
        print_accounts(console, accounts(policy, outcome.decision), with_absent=with_absent)
        console.print()
