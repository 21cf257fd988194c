"""The conformance statement says what the code does: its tables against what is accepted, asked for, served and made."""

import ast
import re
from pathlib import Path

import pynetdicom.sop_class
import pytest
from pydicom.uid import UID

from rules.urgency_codes import PRIVATE_SCHEME
from service.accepted import STORAGE_GROUPS, TRANSFER_SYNTAXES, storage_classes
from service.dicomweb.app import make_app
from service.headers import _IMPLEMENTATION_CLASS_UID
from service.intake import open_intake
from service.node import _entity
from service.upper_layer import MAXIMUM_PDU_BYTES
from tests.workers.reports import studies
from workers.reports import codes
from workers.reports.labelling import MASK_SERIES_NUMBERS, OTHER_MASKS, SERIES_NUMBERS
from workers.reports.structured_report import structured_report
from workers.reports.writing import write_reports

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "conformance.md").read_text()
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_ROLES = {
    "StorageCommitmentPushModelInstance",
    "UPSGlobalSubscriptionInstance",
}
"""Well-known instances, no SOP classes."""


def table(heading):
    """The rows of the tables below a heading, without their heads, cells without their marks."""
    section = re.split(r"\n#+ ", PAGE.split(f" {heading}\n", 1)[1], maxsplit=1)[0]
    tables = re.findall(r"\|[-|]+\|\n((?:\|.*\n?)+)", section)
    return [
        [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")) for line in one.splitlines()]
        for one in tables
    ]


def classes_of_the_code():
    """UIDs of the SOP classes that any module of the service names."""
    names = set()
    for path in (HOME / "service").rglob("*.py"):
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "pynetdicom.sop_class":
                names |= {one.name for one in node.names}
    return {str(getattr(pynetdicom.sop_class, name)) for name in names - _ROLES}


def test_every_service_that_the_code_has_is_told_and_no_other(settings):
    (services,) = table("1.1 DIMSE services")
    told = {uid: (scu, scp) for _, uid, scu, scp in services if uid}
    assert set(told) == classes_of_the_code()
    assert all(UID(uid).name == name for name, uid, *_ in services if uid)
    offered = _entity(settings.model_copy(update={"worklist": True})).supported_contexts
    accepted = {str(one.abstract_syntax) for one in offered if not one.abstract_syntax.startswith(_STORAGE)}
    # Events are sent by us: the class is proposed on associations of ours, never accepted.
    sent = {str(pynetdicom.sop_class.UnifiedProcedureStepEvent)}
    assert {uid for uid, (_, scp) in told.items() if scp == "yes"} == accepted | sent


def test_the_storage_classes_and_transfer_syntaxes_are_those_that_are_accepted():
    by_group, made = table("1.2 Storage classes")
    for word in STORAGE_GROUPS:
        assert {uid for _, uid, group in by_group if group == word} == storage_classes((word,)), word
    assert {group for *_, group in by_group} == set(STORAGE_GROUPS)
    (syntaxes,) = table("1.3 Transfer syntaxes")
    assert tuple(uid for _, uid in syntaxes) == TRANSFER_SYNTAXES
    assert all(UID(uid).name == name for name, uid in syntaxes)
    assert made


def test_the_objects_that_are_made_are_those_that_are_told(tmp_path):
    _, made = table("1.2 Storage classes")
    files = write_reports(studies.masked_content(), tmp_path / "job", tmp_path)
    assert {uid for _, uid, _ in made} >= {one.sop_class_uid for one in files}
    sliced = write_reports(studies.sliced_content(), tmp_path / "job", tmp_path)
    assert {uid for _, uid, _ in made} == {one.sop_class_uid for one in (*files, *sliced)}
    assert {one.transfer_syntax_uid for one in files} == {"1.2.840.10008.1.2.1"}


def test_the_web_services_are_those_that_are_served(settings, store):
    (told,) = table("1.4 DICOM web services")
    offered = settings.model_copy(update={"worklist": True})
    with open_intake(store, offered) as intake:
        routes = make_app(intake, offered).routes
    served = set()
    for route in routes:
        methods = (getattr(route, "methods", None) or {"WebSocket"}) - {"HEAD"}
        served |= {(method, route.path) for method in methods}
    assert {(method, path) for _, method, path in told} == served


@pytest.mark.parametrize(
    "words",
    [
        f"{MAXIMUM_PDU_BYTES:,} bytes",
        _IMPLEMENTATION_CLASS_UID,
        f"`{PRIVATE_SCHEME}`",
        codes.PRIVATE_SCHEME_NAME.split(" ")[0],
        *(str(number) for number in (*SERIES_NUMBERS.values(), *MASK_SERIES_NUMBERS.values(), OTHER_MASKS)),
    ],
)
def test_what_is_named_in_the_text_is_so(words):
    assert words in PAGE


def test_the_templates_are_those_of_the_reports():
    text = PAGE.split("### 6.2")[1].split("###")[0]
    root = structured_report(studies.content())
    assert f"TID {root.ContentTemplateSequence[0].TemplateIdentifier} " in text
    with_masks = structured_report(studies.masked_content())
    groups = {
        group.ContentTemplateSequence[0].TemplateIdentifier
        for report in (root, with_masks)
        for container in report.ContentSequence
        for group in container.get("ContentSequence") or ()
        if "ContentTemplateSequence" in group
    }
    assert groups
    assert all(f"TID {identifier} " in text for identifier in groups)
