import pytest

from workers.__main__ import main


def test_a_worker_does_not_start_with_a_model_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("CARTRIAGE_MODELS", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match="CARTRIAGE_MODELS"):
        main()
