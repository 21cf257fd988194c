"""Programs that were not written here read the reports and find no error."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rules.urgency import Priority
from tests.peers import need
from tests.workers.reports import studies
from workers.reports.content import ReportContent
from workers.reports.writing import write_reports

CONTENTS = {
    "P1": lambda: studies.content(studies.decision(Priority.P1)),
    "P2": studies.content,
    "negative": lambda: studies.content(studies.negative()),
    "not assessed": studies.unassessed_content,
    "CT only": lambda: studies.unassessed_content((studies.header(f"{studies.STUDY}.5", 1, "CT"),)),
    "a single slice": lambda: studies.unassessed_content((studies.header(studies.FLAIR, 1),)),
}


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def written(content: ReportContent, root: Path) -> dict[str, Path]:
    return {
        file.kind.value: root / file.path for file in write_reports(content, root / "outbox" / "job", root)
    }


@pytest.mark.parametrize("name", CONTENTS)
def test_dciodvfy_finds_no_error(name, tmp_path):
    dciodvfy = need("dciodvfy")
    for path in written(CONTENTS[name](), tmp_path).values():
        report = run(dciodvfy, "-new", str(path))
        assert "Error" not in report
        assert report.startswith(("Comprehensive3DSR", "SCImage"))
