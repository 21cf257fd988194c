import pytest

from rules.policy import PolicyError
from workers.__main__ import main
from workers.checks.registry import checks


def test_a_worker_does_not_start_with_a_model_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("CARTRIAGE_MODELS", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match="CARTRIAGE_MODELS"):
        main()


@pytest.mark.parametrize("name", ["CARTRIAGE_WORKERS", "CARTRIAGE_WORKER_THREADS"])
@pytest.mark.parametrize("number", ["0", "-2", "two", "1.5"])
def test_a_worker_does_not_start_with_a_number_that_is_no_positive_one(monkeypatch, name, number):
    monkeypatch.setenv(name, number)
    with pytest.raises(SystemExit, match=f"{name}: Input should be (greater|a valid integer)"):
        main()


def test_a_setting_that_is_refused_is_not_repeated(monkeypatch):
    monkeypatch.setenv("CARTRIAGE_REDIS_URL", "amqp://user:secret@broker")
    with pytest.raises(SystemExit, match="CARTRIAGE_REDIS_URL: String should match") as refused:
        main()
    assert "secret" not in str(refused.value)


def test_a_worker_does_not_start_without_a_check_that_the_policy_asks_for(monkeypatch):
    without = tuple(one for one in checks() if one.name != "cervical_cord")
    monkeypatch.setattr("workers.__main__.checks", lambda _: without)
    with pytest.raises(
        SystemExit, match="no installed check measures cord_ratio of midline upper_cervical_cord"
    ):
        main()


def test_a_worker_does_not_start_with_a_policy_that_is_refused(monkeypatch):
    def refuse(**_):
        raise PolicyError("floors.yaml", 3, "unknown key `x`")

    monkeypatch.setattr("workers.__main__.load_policy", refuse)
    with pytest.raises(SystemExit, match=r"policy: floors.yaml:3: unknown key"):
        main()
