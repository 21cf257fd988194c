"""The sample in docs/results is one of this code: made by `make results`, without an error, with every object that it shows."""

from pathlib import Path

from tests.bench.results import CASE, PAGE, errors
from workers.simulation.cases import case_named

_LOGS = ("dciodvfy.txt", "dcentvfy.txt", "pixelmed.txt", "dsrdump.txt")


def test_no_validator_found_an_error_in_the_sample():
    logs = {name: (PAGE / name).read_text() for name in _LOGS}
    assert all(log.strip() for log in logs.values())
    assert errors(logs) == []
    assert errors({"dciodvfy.txt": "Error - Missing attribute"}) == [
        "dciodvfy.txt: Error - Missing attribute"
    ]
    assert "IOD validation complete" in logs["pixelmed.txt"]
    assert logs["dciodvfy.txt"].count("$ dciodvfy") == 7


def test_the_page_shows_every_frame_and_names_its_case():
    page = (PAGE / "README.md").read_text()
    assert f"`{CASE}`" in page
    assert case_named(CASE)
    frames = sorted(path.name for path in Path(PAGE).glob("frame-*.png"))
    assert frames
    assert all(f"({name})" in page for name in frames)
