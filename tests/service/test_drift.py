"""Drift of a scanner: what is kept of each result, the limits, and what counts as a signal."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from pydicom import dcmread, dcmwrite
from sqlalchemy import select

from rules.findings import Quantity
from service.accounts import Role
from service.drift import BASELINE, Chart, chart_of, drift
from service.drift_alarm import DriftAlarm
from service.scanners import WATCHED, note_scanners
from service.store.files import FileStore
from service.store.scanner_tables import ScannerResult
from service.store.session import Store
from service.store.tables import AuditEvent, Instance
from service.web.made_up import fill
from tests.service.conftest import NOON, mr_slice, received
from tests.service.web.conftest import HEALTHY, PRES, Browser, Hospital, browse, hospital  # noqa: F401 - fixtures

STEADY = [700.0 + number % 5 for number in range(BASELINE)]


def charted(values: Sequence[float]) -> Chart:
    days = [(NOON + timedelta(days=number), value) for number, value in enumerate(values)]
    chart = chart_of(WATCHED[0], values[:BASELINE], days)
    assert chart is not None
    return chart


def test_a_steady_scanner_gives_no_signal_and_a_far_value_does():
    chart = charted([*STEADY, 702])
    assert (chart.centre, chart.signal) == (702, "")
    assert chart.limits is not None
    low, high = chart.limits
    assert high - low == pytest.approx(6 * 1.4826), (
        "three times the scaled median deviation of 1 on each side"
    )
    assert charted([*STEADY, high + 0.1]).signal == "the last value lies outside the limits"
    assert charted([*STEADY, high + 0.1, 702]).signal == "", "what came back is seen in the chart"


def test_an_outlier_among_the_first_does_not_widen_the_limits():
    assert charted([*STEADY[:-1], 5000.0, 702]).limits == charted([*STEADY, 702]).limits


def test_nine_values_on_one_side_are_a_shift():
    assert charted([*STEADY, *[702.5] * 9]).signal == "the last 9 values lie above the centre"
    assert charted([*STEADY, *[701.5] * 9]).signal == "the last 9 values lie below the centre"
    assert charted([*STEADY, *[702.5] * 8, 702]).signal == ""


def test_few_results_give_no_limits_and_none_of_the_period_no_chart():
    assert charted([700, 900]).limits is None
    assert charted([700, 900]).signal == ""
    assert chart_of(WATCHED[0], [700.0], []) is None


def test_each_result_is_kept_once_with_its_scanner(hospital: Hospital):  # noqa: F811
    uid = hospital.study("PRES", PRES)
    with hospital.store.reading() as session:
        path = session.query(Instance).filter_by(study_instance_uid=uid).first().path
    file = hospital.settings.files / path
    ds = dcmread(file)
    ds.Manufacturer, ds.ManufacturerModelName, ds.StationName = "ACME", "Tesla  Three", "MR1"
    file.chmod(0o600)
    dcmwrite(file, ds)
    files = FileStore(hospital.settings.files)
    assert note_scanners(hospital.store, files) == 1
    assert note_scanners(hospital.store, files) == 0
    with hospital.store.reading() as session:
        row = session.query(ScannerResult).one()
        (told,) = drift(session, hospital.now - timedelta(days=1))
    assert (row.manufacturer, row.model, row.station) == ("ACME", "Tesla Three", "MR1")
    assert {"adc_median", "epi_artefact"} <= row.measured.keys() <= {one.key for one in WATCHED}
    assert (told.name, told.not_assessed.whole) == ("ACME Tesla Three", 1)
    assert Quantity.ADC_MEDIAN.value == told.charts[0].watched.key


def test_a_file_that_cannot_be_read_leaves_the_scanner_unknown(hospital: Hospital):  # noqa: F811
    uid = hospital.study("CALM", HEALTHY)
    hospital.intake.take(received(mr_slice(9, study=uid)), hospital.now)
    for file in (hospital.settings.files).rglob("*.dcm"):
        if "reports" not in file.parts:
            file.unlink()
    assert note_scanners(hospital.store, FileStore(hospital.settings.files)) == 1
    with hospital.store.reading() as session:
        assert [one.name for one in drift(session, hospital.now - timedelta(days=1))] == ["scanner unknown"]


def test_a_drift_is_told_once_when_it_begins_and_once_when_it_ends(
    hospital: Hospital,  # noqa: F811
    browse: Callable[..., Browser],  # noqa: F811
):
    fill(hospital.store, len(STEADY) + 1, hospital.now)
    _measure(hospital.store, [*STEADY, 999.0])
    alarm = DriftAlarm()
    assert [alarm.look(hospital.store, hospital.now) for _ in range(2)] == [1, 0]
    page = browse(Role.ADMINISTRATOR).page("/operations")
    assert page.count("the last value lies outside the limits") == 2, "as it stands, and among the troubles"
    _measure(hospital.store, [*STEADY, 702.0])
    assert alarm.look(hospital.store, hospital.now) == 1
    with hospital.store.reading() as session:
        told = session.scalars(select(AuditEvent.event).where(AuditEvent.event.like("scanner%"))).all()
    assert list(told) == ["scanner_drifts", "scanner_drift_over"]


def _measure(store: Store, values: Sequence[float]) -> None:
    """All results are of one scanner, and measured these values, oldest first."""
    with store.session() as session:
        rows = session.scalars(select(ScannerResult).order_by(ScannerResult.done_at)).all()
        for row, value in zip(rows, values, strict=True):
            row.model, row.measured = "Model 1", {"adc_median": value}
