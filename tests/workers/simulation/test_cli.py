from click.testing import CliRunner

from workers.simulation.cases import cases
from workers.simulation.cli import simulate


def test_list_names_every_case():
    result = CliRunner().invoke(simulate, ["--list"])
    assert result.exit_code == 0
    assert all(case.name in result.output and case.sentence in result.output for case in cases())


def test_case_without_folder_is_a_usage_error():
    assert CliRunner().invoke(simulate, ["pres"]).exit_code == 2


def test_unknown_case_is_named(tmp_path):
    result = CliRunner().invoke(simulate, ["unheard_of", "--out", str(tmp_path / "study")])
    assert result.exit_code == 2
    assert "unheard_of" in result.output


def test_folder_with_files_is_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    result = CliRunner().invoke(simulate, ["pres", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "not empty" in result.output


def test_bad_address_is_refused_before_anything_is_simulated(tmp_path):
    result = CliRunner().invoke(simulate, ["pres", "--out", str(tmp_path / "study"), "--send", "nowhere"])
    assert result.exit_code == 2
    assert not (tmp_path / "study").exists()
