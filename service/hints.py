"""Webhook and e-mail: hints that there is something to look at. Who it is about stays in the worklist."""

import json
import smtplib
from collections.abc import Iterator, Sequence
from email.message import EmailMessage

from rules.notice import Notice
from service.destinations import AnyDestination, MailDestination, WebhookDestination
from service.http import Unanswered, request
from service.parcel import Outcome, Parcel, Trouble, failed
from service.settings import Settings
from service.statuses import http_meaning_of
from service.tls import client_context


def post(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Post each notice as JSON."""
    assert isinstance(destination, WebhookDestination)  # noqa: S101 - the table of senders says so
    headers = {"Content-Type": "application/json"}
    for parcel in parcels:
        if parcel.notice is None:
            yield parcel, failed(Trouble.UNSENDABLE)
            continue
        body = json.dumps(hint_of(parcel.notice)).encode()
        answer = request("POST", destination.url, destination, settings, headers=headers, body=body)
        if isinstance(answer, Unanswered):
            yield parcel, failed(answer.trouble)
            return
        # A receiver of webhooks acknowledges with any 2xx.
        is_taken = 200 <= answer.status < 300
        words = "acknowledged" if is_taken else http_meaning_of(answer.status).words
        yield parcel, Outcome(is_taken, words, answer.status)


def mail(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Mail each notice over one connection."""
    assert isinstance(destination, MailDestination)  # noqa: S101 - the table of senders says so
    waiting = list(parcels)
    try:
        with smtplib.SMTP(destination.host, destination.port, timeout=settings.delivery_timeout_s) as server:
            if destination.tls:
                server.starttls(context=client_context(destination.tls))
            if destination.user and destination.password:
                server.login(destination.user, destination.password.get_secret_value())
            for parcel in parcels:
                outcome = _mail(server, parcel, destination)
                waiting.remove(parcel)
                yield parcel, outcome
    except smtplib.SMTPAuthenticationError:
        yield from ((one, Outcome(is_stored=False, words="not authorised")) for one in waiting)
    except (OSError, smtplib.SMTPException):
        # What was taken before the connection broke stays taken.
        yield from ((one, failed(Trouble.NO_CONNECTION)) for one in waiting)


def hint_of(notice: Notice) -> dict[str, object]:
    """What a webhook gets: identifiers of the study, the priority and the patterns; nothing of the patient."""
    return {
        "event": "alert_escalated" if notice.escalation else "study_triaged",
        "id": notice.uid,
        "study_instance_uid": notice.study_instance_uid,
        "state": notice.state.value,
        "priority": notice.priority.value,
        "is_assessed": notice.is_assessed,
        "present": [{"rule": rule, "name": name} for rule, name in notice.present],
        "decided_at": notice.decided_at.isoformat(),
        "escalation": notice.escalation,
        "note": "Triage aid. Not for diagnosis.",
    }


def mail_of(notice: Notice, destination: MailDestination) -> EmailMessage:
    """A mail that may be read by anybody on its way: the priority, and where to look."""
    message = EmailMessage()
    message["From"] = destination.sender
    message["To"] = ", ".join(destination.recipients)
    unanswered = "NOT ACKNOWLEDGED: " if notice.escalation else ""
    message["Subject"] = f"Cartriage: {unanswered}{notice.priority.value} {notice.priority.words}"
    message["Message-ID"] = f"<{notice.uid}@cartriage>"
    assessed = "" if notice.is_assessed else "The images could not be assessed.\n"
    step = f"{notice.escalation}.\n" if notice.escalation else ""
    message.set_content(
        f"{step}A study was triaged {notice.priority.value} ({notice.priority.words}, {notice.state.value}).\n{assessed}"
        "Open the worklist to see which one, and why.\n\nTriage aid. Not for diagnosis.\n"
    )
    return message


def _mail(server: smtplib.SMTP, parcel: Parcel, destination: MailDestination) -> Outcome:
    if parcel.notice is None:
        return failed(Trouble.UNSENDABLE)
    refused = server.send_message(mail_of(parcel.notice, destination))
    words = "acknowledged" if not refused else "some recipients refused"
    return Outcome(is_stored=True, words=words, is_warning=bool(refused))
