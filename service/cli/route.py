"""`cartriage route`: where the objects of a study go, and why."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import from_plain
from rules.messages import StudyTriaged
from rules.policy import PolicyError
from rules.routing import Event, Occasion, explain
from rules.urgency import Priority
from service.audit import find_studies
from service.cli.options import data_option, opened, settings_of
from service.routing import RoutingError, check_routing, occasion_of_arrival, occasion_of_result, routed
from service.settings import Settings
from service.store.tables import Job


@click.group()
def route() -> None:
    """Look at the routes: where results and originals go."""


@route.command("explain")
@click.argument("study")
@click.option(
    "--event", type=click.Choice(list(Event)), help="Ask about this event instead of the latest one."
)
@click.option("--priority", type=click.Choice(list(Priority)), help="Ask as if the result had this priority.")
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="Ask about this moment (UTC) instead of now."
)
@data_option
def explain_study(
    study: str, data: Path | None, event: str | None, priority: str | None, at: datetime | None
) -> None:
    """Explain each route for a STUDY: its UID, the start of its UID, or its accession number."""
    settings = settings_of(data)
    try:
        check_routing(settings)
    except (PolicyError, RoutingError) as error:
        raise click.ClickException(str(error)) from error
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    with opened(settings, is_only_read=True) as store, store.reading() as session:
        found = find_studies(session, study)
        if len(found) != 1:
            raise click.ClickException(
                "no such study" if not found else "more than one study: say more of it"
            )
        occasion = _occasion(session, found[0].study_instance_uid, now)
    occasion = _as_if(occasion, event, priority)
    _show(Console(highlight=False), settings, occasion)


def _occasion(session: Session, study_instance_uid: str, now: datetime) -> Occasion:
    """The latest result, else that the study settled."""
    done = select(Job.triaged).where(Job.study_instance_uid == study_instance_uid, Job.state == "done")
    plain = session.scalar(done.order_by(Job.done_at.desc(), Job.id.desc()).limit(1))
    if plain is None:
        return occasion_of_arrival(session, study_instance_uid, now)
    triaged: StudyTriaged = from_plain(StudyTriaged, plain)
    return occasion_of_result(session, triaged, now)


def _as_if(occasion: Occasion, event: str | None, priority: str | None) -> Occasion:
    return Occasion(
        event=Event(event) if event else occasion.event,
        at=occasion.at,
        priority=Priority(priority) if priority else occasion.priority,
        patterns=occasion.patterns,
        senders=occasion.senders,
        site=occasion.site,
    )


def _show(console: Console, settings: Settings, occasion: Occasion) -> None:
    routing = check_routing(settings)
    console.print(Text(f"{routing.name} (version {routing.version})", style="bold"))
    facts = [f"event {occasion.event}", f"priority {occasion.priority or 'none yet'}"]
    facts.append(f"patterns {', '.join(sorted(occasion.patterns)) or 'none'}")
    facts.append(f"from {', '.join(sorted(occasion.senders)) or 'nobody known'}")
    facts.append(f"site {occasion.site or 'not named'}")
    facts.append(f"at {occasion.at:%Y-%m-%d %H:%M} UTC")
    console.print(Text(" · ".join(facts), style="dim"))
    routes = Table("Route", "Taken", "Because", box=box.SIMPLE_HEAD, pad_edge=False)
    for answer in explain(routing, occasion):
        routes.add_row(answer.route.name, "yes" if answer.is_taken else "no", answer.because)
    console.print(routes)
    goes = Table("Destination", "How", "Address", "Gets", "Proof", box=box.SIMPLE_HEAD, pad_edge=False)
    for destination, cargo in routed(settings, occasion):
        what = ", ".join(sorted(cargo)) or "nothing that can be sent this way"
        goes.add_row(destination.name, destination.kind, destination.address, what, destination.proof)
    console.print(goes if goes.row_count else Text("Goes nowhere.", style="bold"))
