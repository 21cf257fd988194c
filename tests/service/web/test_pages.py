"""What the pages say, and what the trail says of those who looked."""

import json
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from service.accounts import Role
from service.answers import Answer, Verdict, assess
from service.audit_check import verify
from service.gate import policy_in_force
from service.signing import key_of, public_text, signer_of
from service.store.tables import AuditEvent, Delivery, Job, Report
from service.store.workitem_tables import Workitem, WorkitemNews
from tests.service.conftest import mr_slice, received
from tests.service.web.conftest import DEEP, HEALTHY, PRES, Browser, Hospital


def viewed(hospital: Hospital, name: str) -> list[AuditEvent]:
    with hospital.store.reading() as session:
        found = select(AuditEvent).where(AuditEvent.event == f"viewed_{name}")
        return list(session.scalars(found.order_by(AuditEvent.sequence)))


def test_the_list_says_what_why_and_what_is_open_and_never_normal(
    hospital: Hospital, browse: Callable[..., Browser]
):
    hospital.study("DEEP", DEEP, icans_grade="3")
    hospital.study("CALM", HEALTHY)
    hospital.receive("STRANGER")
    reader = browse(Role.RADIOLOGIST)
    page = reader.page("/")
    for words in (
        "Okafor, Daniel",
        "P1",
        "critical",
        "suspected",
        "not acknowledged",
        "left",
        "not assessed",
    ):
        assert words in page
    assert "STRANGER" not in page
    assert "normal" not in page.lower()
    everybody = reader.page("/?show=all")
    for words in ("not triaged", "not flagged: position untouched", "read in its usual order"):
        assert words in everybody, "nothing promises a result that will not come"


def test_each_view_of_a_patient_is_told_once_for_the_list_and_always_for_a_study(
    hospital: Hospital, browse: Callable[..., Browser]
):
    uid = hospital.study("DEEP", DEEP)
    reader = browse(Role.RADIOLOGIST)
    for _ in range(3):
        reader.page("/")
    (event,) = viewed(hospital, "worklist")
    assert (event.actor, event.detail["studies"]) == ("radiologist", [uid])
    reader.page(f"/studies/{uid}")
    reader.page(f"/studies/{uid}")
    assert [event.study_instance_uid for event in viewed(hospital, "study")] == [uid, uid]


def test_a_study_explains_itself_rule_by_rule(hospital: Hospital, browse: Callable[..., Browser]):
    uid = hospital.study("DEEP", DEEP)
    page = browse(Role.RADIOLOGIST).page(f"/studies/{uid}")
    for words in (
        *("Required", "Measured", "above", "cut ≥", "bilateral thalamic", "Rule by rule", "Absent"),
        *("FLAIR hyperintensity volume", "thalamus", "6.0 mL", "study triaged", "no destination"),
    ):
        assert words in page
    assert "normal" not in page.lower().replace("its normal place in the worklist", "")


def test_a_radiologist_acknowledges_and_disagrees(hospital: Hospital, browse: Callable[..., Browser]):
    uid = hospital.study("PRES", PRES)
    reader = browse(Role.RADIOLOGIST)
    page = reader.page(f"/studies/{uid}")
    job = page.split('name="job_id" value="')[1].split('"')[0]
    assert reader.post(f"/studies/{uid}/acknowledgement").status_code == 303
    wordless = reader.post(f"/studies/{uid}/assessment", job_id=job, verdict="disagree")
    assert wordless.status_code == 409
    assert "Say in a few words" in wordless.text
    answer = {"job_id": job, "verdict": "disagree", "text": "<script>alert(1)</script>"}
    assert reader.post(f"/studies/{uid}/assessment", **answer).status_code == 303
    page = reader.page(f"/studies/{uid}")
    assert "Acknowledged by radiologist" in page
    assert "✗ disagreed" in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_the_figures_follow_the_assessments(hospital: Hospital, browse: Callable[..., Browser]):
    policy, now = policy_in_force(None), datetime.now(UTC)
    for patient, values, verdict in (
        ("A", DEEP, Verdict.AGREE),
        ("B", PRES, Verdict.DISAGREE),
        ("C", HEALTHY, Verdict.AGREE),
    ):
        uid = hospital.study(patient, values)
        with hospital.store.session() as session:
            job = session.query(Job).filter_by(study_instance_uid=uid).one().job_id
            assess(session, Answer(uid, job, verdict, "seen", "meyer"), policy, now)
    hospital.follow()
    found = browse(Role.RADIOLOGIST).get("/api/v1/performance").json()
    assert (found["ppv"]["part"], found["ppv"]["whole"], found["ppv"]["value"]) == (1, 2, 0.5)
    assert (found["npv"]["part"], found["npv"]["whole"]) == (1, 1)
    assert found["ppv"]["interval"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert found["by_priority"] == {"P1": 1, "P2": 1, "P3": 0, "P4": 1}
    assert "Positive predictive value" in browse(Role.AUDITOR).page("/performance")


def _decoded(png: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, colour type and pixels of a small picture."""
    width, height, _, colour = struct.unpack(">IIBB", png[16:26])
    data = zlib.decompress(png[png.index(b"IDAT") + 4 : png.index(b"IEND") - 8])
    stride = len(data) // height
    return width, height, colour, b"".join(data[at + 1 : at + stride] for at in range(0, len(data), stride))


def test_pictures_are_the_stored_pixels(hospital: Hospital, browse: Callable[..., Browser]):
    uid = hospital.study("PRES", PRES)
    reader = browse(Role.RADIOLOGIST)
    with hospital.store.reading() as session:
        sop = session.scalars(select(Report.sop_instance_uid)).one()
    picture = reader.get(f"/studies/{uid}/pictures/{sop}.png")
    assert _decoded(picture.content) == (3, 2, 2, bytes(range(18)))
    values = b"".join(value.to_bytes(2, "little") for value in (100, 200, 300, 500))
    ds = mr_slice(9, study=uid, PatientID="PRES", Rows=2, Columns=2, PixelData=values)
    hospital.intake.take(received(ds), hospital.now)
    shown = reader.get(f"/studies/{uid}/slices/{ds.SOPInstanceUID}.png")
    assert _decoded(shown.content) == (2, 2, 0, bytes([0, 64, 127, 255]))
    moved = reader.get(f"/studies/{uid}/slices/{ds.SOPInstanceUID}.png?shift=0.25")
    assert _decoded(moved.content)[3] == bytes([0, 0, 64, 191]), "window from 200 to 600"
    narrow = reader.get(f"/studies/{uid}/slices/{ds.SOPInstanceUID}.png?shift=0.5&stretch=0.25")
    assert _decoded(narrow.content)[3] == bytes([0, 0, 0, 127]), "window from 450 to 550"
    for wrong in ("stretch=0", "shift=nan", "shift=3", "stretch=inf"):
        assert reader.get(f"/studies/{uid}/slices/{ds.SOPInstanceUID}.png?{wrong}").status_code == 422
    assert reader.get(f"/studies/9.9/slices/{ds.SOPInstanceUID}.png").status_code == 404


def test_a_coordinator_enters_context_and_studies_are_decided_again(
    hospital: Hospital, browse: Callable[..., Browser]
):
    hospital.study("P1", HEALTHY)
    keeper = browse(Role.COORDINATOR)
    wrong = keeper.post("/cohort/patient", patient_id="P1", icans_grade="9", is_known="yes")
    assert wrong.status_code == 422
    assert "a whole number from 0 to 4" in wrong.text
    done = keeper.post("/cohort/patient", patient_id="P1", icans_grade="3", is_known="yes")
    assert "1 recent study is decided again now" in done.text
    assert "now 3" in keeper.page("/cohort/patient?patient_id=P1")
    with hospital.store.reading() as session:
        assert session.scalars(select(Job.state).order_by(Job.id)).all() == ["done", "owed"]


def test_a_file_is_tried_before_it_is_entered(hospital: Hospital, browse: Callable[..., Browser]):
    keeper = browse(Role.COORDINATOR)

    def send(text: str, **fields: str) -> str:
        data = {"form_token": keeper.form_token, **fields}
        return keeper.client.post("/cohort/file", data=data, files={"file": ("p.csv", text.encode())}).text

    assert "line 2: icans_grade" in send("patient_id,icans_grade\nP1,9\n").replace("p.csv: ", "")
    good = "patient_id,icans_grade\nP1,2\nP2,0\n"
    assert "Tried, nothing was entered: 2 new" in send(good)
    assert "Nobody is flagged" in keeper.page("/cohort")
    assert "Entered: 2 new" in send(good, is_real="yes")
    with hospital.store.reading() as session:
        assert verify(session).is_whole


def test_operators_see_what_failed_and_try_again(hospital: Hospital, browse: Callable[..., Browser]):
    uid = hospital.study("P1", PRES)
    with hospital.store.session() as session:
        job = session.query(Job).one()
        report = session.query(Report).one()
        job.state = "failed"
        session.add(
            Delivery(
                study_instance_uid=uid,
                job_id=job.job_id,
                cargo="SC",
                sop_instance_uid=report.sop_instance_uid,
                destination="pacs",
                priority="P2",
                state="owed",
                tries=4,
                try_at=hospital.now.replace(year=2099),
                created_at=hospital.now,
                last_error="no association with the destination",
            )
        )
        session.flush()
        job_id = job.job_id
        delivery = session.scalars(select(Delivery.id)).one()
    operator = browse(Role.ADMINISTRATOR)
    page = operator.page("/operations")
    assert uid in page
    assert "no association with the destination" in page
    assert operator.post("/operations/jobs", job_id=job_id).status_code == 303
    assert operator.post("/operations/jobs", job_id=job_id).status_code == 409
    assert operator.post("/operations/deliveries", delivery_id=delivery).status_code == 303
    with hospital.store.reading() as session:
        assert session.scalars(select(Job.state)).one() == "owed"
        assert session.scalars(select(Delivery.try_at)).one() < datetime.now(UTC)


def test_news_that_a_watching_worklist_did_not_take_is_shown_until_a_person_ends_it(
    hospital: Hospital, browse: Callable[..., Browser]
):
    uid, now = hospital.study("P1", PRES), hospital.now
    with hospital.store.session() as session:
        job = session.scalars(select(Job.job_id)).one()
        item = {
            "study_instance_uid": uid,
            "number": 1,
            "job_id": job,
            "triage_priority": "P2",
            "attributes": {},
        }
        session.add(
            Workitem(sop_instance_uid="1.2.9", state="SCHEDULED", created_at=now, changed_at=now, **item)
        )
        session.flush()
        event = {"workitem": "1.2.9", "receiver": "READERS", "event_type": 1, "information": {}}
        trouble = {"state": "given_up", "tries": 40, "last_error": "no association with the destination"}
        session.add(WorkitemNews(try_at=now, created_at=now, **event, **trouble))
    page = browse(Role.ADMINISTRATOR).page("/operations")
    assert "READERS was not told of P2: no association with the destination, 40 tries, given up" in page
    assert "cartriage outbox retry N1" in page


def test_an_auditor_searches_checks_and_takes_a_signed_report(
    hospital: Hospital, browse: Callable[..., Browser]
):
    uid = hospital.study("P1", PRES)
    auditor = browse(Role.AUDITOR)
    assert "study triaged" in auditor.page("/audit?event=study_triaged")
    assert "The trail is unchanged" in auditor.page("/audit/check")
    report = auditor.get(f"/audit/studies/{uid}/report")
    assert signer_of(report.content) == public_text(key_of(hospital.settings.data))
    assert "attachment" in report.headers["content-disposition"]
    printed = auditor.get(f"/audit/studies/{uid}/report?format=pdf")
    assert (printed.headers["content-type"], printed.content[:5]) == ("application/pdf", b"%PDF-")
    assert signer_of(printed.content) == public_text(key_of(hospital.settings.data))
    assert auditor.get("/audit?since=2026-13-45").status_code == 422


def test_an_administrator_makes_accounts(browse: Callable[..., Browser]):
    admin = browse(Role.ADMINISTRATOR)
    page = admin.post("/accounts", name="lee", full_name="Dr. Lee", roles=["radiologist"]).text
    password = page.split('class="once">')[1].split("<")[0]
    fresh = browse()
    assert fresh.sign_in("lee", password).status_code == 303
    assert "there is an account lee" in admin.post("/accounts", name="lee", roles=["auditor"]).text
    assert "no administrator would be left" in admin.post("/accounts/administrator/end").text
    admin.post("/accounts/lee/password")
    assert fresh.get("/account").status_code == 303


def test_the_interface_gives_what_the_pages_show(hospital: Hospital, browse: Callable[..., Browser]):
    uid = hospital.study("PRES", PRES)
    reader = browse(Role.RADIOLOGIST)
    found = reader.get("/api/v1/worklist").json()
    assert [one["study_instance_uid"] for one in found["studies"]] == [uid]
    assert found["counts"]["P2"] == 1
    study = reader.get(f"/api/v1/studies/{uid}").json()
    assert study["result"]["decision"]["priority"] == "P2"
    headers = {"x-form-token": reader.form_token}
    path = f"/api/v1/studies/{uid}/assessment"
    given = {"job_id": study["result"]["job_id"], "verdict": "other", "text": "a stroke"}
    assert reader.client.post(path, json=given, headers=headers).status_code == 201
    assert reader.client.post(path, json={**given, "job_id": "x"}, headers=headers).status_code == 409
    assert reader.client.post(path, json={"verdict": "maybe"}, headers=headers).status_code == 422
    assert reader.get("/api/v1/worklist?cursor=nonsense").status_code == 409


def test_an_open_page_hears_of_a_new_critical_study(hospital: Hospital, browse: Callable[..., Browser]):
    hospital.study("CALM", HEALTHY)
    reader = browse(Role.RADIOLOGIST)
    with reader.client.stream("GET", "/live") as stream:
        told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert next(told)["urgent"] == []
        uid = hospital.study("DEEP", DEEP)
        news = next(one for one in told if one["urgent"])
        assert news["urgent"] == [uid]
        assert "Okafor" not in json.dumps(news)
