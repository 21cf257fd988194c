"""FHIR R4 posted by a system with its token: taken, repeated, set aside, and seen by those who run the service."""

from collections.abc import Callable

import httpx
from fhir.resources.R4B.operationoutcome import OperationOutcome

from service.accounts import Role
from service.store.feed_tables import ContextMessage
from service.tokens import issue
from tests.service.context_feed.resources import bundle, concept, half, held, infusion, observation
from tests.service.web.conftest import Browser, Hospital


def test_a_system_posts_what_it_knows_of_a_patient(hospital: Hospital, browse: Callable[..., Browser]):
    with hospital.store.session() as session:
        secret = issue(session, "ehr", [Role.COORDINATOR], 9, "admin", hospital.now)
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{hospital.port}",
        headers={"authorization": f"Bearer {secret}"},
        timeout=30,
    )
    pressure = observation(
        "bp", {"component": [half("8480-6", 187), half("8462-4", 109)]}, code=concept("85354-9")
    )
    given = bundle(
        infusion(),
        observation("icans_grade", {"valueInteger": 3}),
        observation("seizure", {"valueCodeableConcept": concept("230456007", "http://snomed.info/sct")}),
        observation("steroid_taper", {"valueBoolean": True}),
        pressure,
    )
    answer = client.post("/api/v1/fhir", json=given)
    OperationOutcome.model_validate(answer.json())
    said = [one["diagnostics"] for one in answer.json()["issue"]]
    assert (answer.status_code, said) == (200, ["taken"] * 5 + ["nothing for the registry"])
    context = held(hospital.store)
    assert (context.patient_id, context.product, str(context.infusion_date)) == (
        "P1",
        "axicabtagene ciloleucel",
        "2026-04-28",
    )
    assert (context.icans_grade.value, context.seizure.value, context.steroid_taper.value) == (
        3,
        "status",
        True,
    )
    assert (context.blood_pressure.value.systolic, context.blood_pressure.value.diastolic) == (187, 109)
    assert context.icans_grade.source == "FHIR api:ehr"

    again = client.post("/api/v1/fhir", json=given).json()
    assert [one["code"] for one in again["issue"]] == ["duplicate"] * 5 + ["informational"]
    wrong = client.post("/api/v1/fhir", json=bundle(observation("icans_grade", {"valueInteger": 9}, "2")))
    assert (wrong.status_code, wrong.json()["issue"][0]["severity"]) == (422, "error")
    assert "icans_grade; allowed: a whole number from 0 to 4" in wrong.text
    gone = client.post(
        "/api/v1/fhir", json=bundle(observation("icans_grade", {}, "3", status="entered-in-error"))
    )
    assert (gone.status_code, held(hospital.store).icans_grade) == (200, None)
    lonely = client.post("/api/v1/fhir", json=observation("icans_grade", {"valueInteger": 2}, "4"))
    assert "without its Patient" in lonely.text
    for nonsense in (b"{", b"[]", b'{"resourceType": "Bundle", "entry": 7}', b"[" * 9000):
        assert client.post("/api/v1/fhir", content=nonsense).status_code == 400

    page = browse(Role.ADMINISTRATOR)
    assert "allowed: a whole number from 0 to 4" in page.page("/operations")
    with hospital.store.reading() as session:
        number = session.query(ContextMessage).filter_by(fault="VALUE").one().id
    assert page.post(f"/operations/messages/{number}/retry").status_code == 409
    assert page.post(f"/operations/messages/{number}/drop", reason="typing error").status_code == 303
    assert "allowed: a whole number" not in page.page("/operations").split("Troubles of")[0]
    client.close()
