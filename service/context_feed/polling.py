"""Asks a FHIR R4 server for what changed: resources that the mapping names, with their patients, page by page."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from sqlalchemy import select

from rules.context_map import ContextMap
from service.context_feed.feed_settings import FhirFeed
from service.context_feed.fhir_resource import pieces_of
from service.context_feed.news import FeedError
from service.context_feed.quarantine import receive
from service.context_feed.taking import Arrived, Registry, name_of
from service.errors import RetryableError
from service.http import Unanswered, request
from service.store.feed_tables import ContextPoll
from service.store.tables import CohortPatient

_PAGES = 1000
"""More pages of one question are a server that goes in circles."""
_PAGE = 100
_OK = 200

_log = structlog.get_logger(__name__)


class PollError(RetryableError):
    """The FHIR server did not answer as it should."""


def poll(where: Registry, feed: FhirFeed, now: datetime) -> int:
    """Ask for each kind of resource what changed since the last time; returns how many resources came.

    Where a question breaks off it is asked again from the same moment: what came twice changes nothing.

    Raises PollError, or StoreUnavailableError if the database does not answer.
    """
    return sum(_poll(where, feed, kind, asked, now) for kind, asked in _questions(where.known).items())


def _questions(known: ContextMap) -> Mapping[str, Mapping[str, str]]:
    """Kind of resource to what is asked of it. Without a code in the mapping nothing is asked; Flag has no search by code in R4."""
    observed = known.uris(code for rule in known.observations for code in rule.codes)
    infused = known.uris(code for rule in known.infusions for code in rule.codes)
    cohorts = known.uris(known.cohorts)
    # What flags somebody comes first: observations of whoever is not flagged are not kept.
    questions = {
        "Procedure": {"code": ",".join(infused), "_include": "Procedure:subject"},
        "MedicationAdministration": {
            "code": ",".join(infused),
            "_include": "MedicationAdministration:subject",
        },
        "Group": {"code": ",".join(cohorts), "_include": "Group:member"},
        "Flag": {"_include": "Flag:subject"},
        "Observation": {"code": ",".join(observed), "_include": "Observation:subject"},
    }
    return {kind: one for kind, one in questions.items() if one.get("code", cohorts)}


def _poll(where: Registry, feed: FhirFeed, kind: str, asked: Mapping[str, str], now: datetime) -> int:
    with where.store.reading() as session:
        place = session.get(ContextPoll, kind)
        # Somebody who was flagged meanwhile has a past that was passed over.
        is_news = place is not None and session.scalar(
            select(CohortPatient.id).where(CohortPatient.added_at >= place.asked_at).limit(1)
        )
    back = now - timedelta(days=feed.back_days)
    since = back if place is None else min(place.since, back) if is_news else place.since
    values = {
        **asked,
        "_lastUpdated": f"ge{since:%Y-%m-%dT%H:%M:%S.%fZ}",
        "_sort": "_lastUpdated",
        "_count": str(_PAGE),
    }
    count, latest = 0, since
    for bundle in _pages(where, feed, f"{feed.url.rstrip('/')}/{kind}?{urlencode(values)}"):
        count += _take(where, feed, bundle, kind, now)
        latest = max([latest, *_changed(bundle, kind)])
    with where.store.session() as session:
        session.merge(
            ContextPoll(kind=kind, since=max(latest, place.since) if place else latest, asked_at=now)
        )
    return count


def _pages(where: Registry, feed: FhirFeed, url: str) -> Iterator[Mapping[str, Any]]:
    for _ in range(_PAGES):
        answer = request("GET", url, feed, where.settings, headers={"Accept": "application/fhir+json"})
        if isinstance(answer, Unanswered):
            raise PollError(answer.trouble.value)
        if answer.status != _OK:
            raise PollError(f"status {answer.status}")
        try:
            bundle = json.loads(answer.body)
            links = {one["relation"]: one["url"] for one in bundle.get("link", [])}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PollError("the answer is no Bundle, or longer than is read") from error
        yield bundle
        if "next" not in links:
            return
        url = links["next"]
        if urlsplit(url)[:2] != urlsplit(feed.url)[:2]:
            raise PollError("the next page is said to lie on another server")
    raise PollError("pages without an end")


def _take(where: Registry, feed: FhirFeed, bundle: Mapping[str, Any], kind: str, now: datetime) -> int:
    """A resource that cannot be taken is set aside, and keeps no other from being taken."""
    try:
        pieces = [one for one in pieces_of(json.dumps({"entry": [], **bundle}).encode()) if one.kind == kind]
    except FeedError as error:
        raise PollError(error.detail) from error
    for piece in pieces:
        name = name_of("fhir", feed.name, piece.key)
        try:
            receive(where, Arrived("fhir", feed.name, piece.kind, piece.content, name), now)
        except FeedError as error:
            _log.warning("context_resource_not_taken", kind=piece.kind, fault=error.fault.name)
    return len(pieces)


def _changed(bundle: Mapping[str, Any], kind: str) -> Iterator[datetime]:
    """When the server changed each resource, by its own clock."""
    for entry in bundle.get("entry", []):
        resource = entry.get("resource", {})
        text = resource.get("meta", {}).get("lastUpdated", "") if resource.get("resourceType") == kind else ""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            continue
        if at.tzinfo is not None:
            yield at.astimezone(UTC)
