"""From an owed row to a stored report and back to rows, through the real processes, with a stand-in for the workers."""

import time
from queue import Empty

import pytest
from structlog.testing import capture_logs

from rules.codec import from_plain, to_plain
from rules.messages import COURIER_QUEUE, STUDY_TRIAGED, WORKER_QUEUE, StudyReady
from service.audit import trail
from service.courier import make_app
from service.store.tables import Delivery, Job
from service.supervisor import Supervisor
from tests.service.sending import STUDY, archive, owe_job, result, write_report


def answer_one(app, report) -> bool:
    """Take one study and answer twice, as two workers might that were both asked."""
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(WORKER_QUEUE)
        try:
            message = queue.get(timeout=0.2)
        except Empty:
            return False
        finally:
            queue.close()
        ready = from_plain(StudyReady, message.payload[0][0])
        message.ack()
    for _ in range(2):
        app.send_task(STUDY_TRIAGED, args=[to_plain(result(ready.job_id, (report,)))], queue=COURIER_QUEUE)
    return True


@pytest.mark.walk
def test_an_owed_job_comes_back_as_a_stored_report_once(store, settings):
    said = []
    with archive() as pacs, capture_logs():
        running = settings.model_copy(update={"destinations": (pacs.destination,)})
        supervisor = Supervisor(running, said.append, has_worker=False)
        report = write_report(settings.files, "1.2.3.1")
        owe_job(store)
        try:
            supervisor.start()
            app = make_app(supervisor.settings)
            end = time.monotonic() + 60
            while not pacs.stored and time.monotonic() < end:
                answer_one(app, report)
                supervisor.tend()
            began = time.monotonic()
            while time.monotonic() < began + 2:
                supervisor.tend()
            app.close()
        finally:
            supervisor.stop()
    assert pacs.stored == ["1.2.3.1"], said
    with store.reading() as session:
        assert session.query(Job).one().state == "done"
        assert session.query(Delivery).one().state == "proven"
        events = [event.event for event in trail(session, STUDY)]
    events.remove("study_raised_by_age")  # the study of these tests has waited for long
    assert events == ["study_handed_over", "study_triaged", "report_stored", "report_proven"]
    assert any(line.startswith("courier: study_triaged") for line in said)
