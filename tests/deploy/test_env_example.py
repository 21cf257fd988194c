"""deploy/env.example is what an operator reads: it names every setting, with the default that holds."""

from pathlib import Path

from service.settings import Settings
from workers.settings import WorkerSettings

_EXAMPLE = Path(__file__).parents[2] / "deploy" / "env.example"
_PREFIX = "CARTRIAGE_"


def examples():
    lines = [line for line in _EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_example_names_every_setting_and_no_other():
    fields = Settings.model_fields.keys() | WorkerSettings.model_fields.keys()
    assert examples().keys() == {_PREFIX + name.upper() for name in fields}


def test_the_example_gives_the_defaults(monkeypatch):
    service, workers = Settings(), WorkerSettings()
    for name, value in examples().items():
        monkeypatch.setenv(name, value)
    assert Settings() == service
    assert WorkerSettings() == workers
