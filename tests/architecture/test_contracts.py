"""The walls of the house: who may import whom, what a start may load, what the lock may name."""

import re
import subprocess
import sys
from pathlib import Path

from rules.messages import STUDY_TRIAGED, TRIAGE_STUDY
from service.courier import make_app as make_courier
from service.courier import register as register_courier
from service.settings import Settings
from service.store.session import open_store
from workers.app import make_app as make_worker
from workers.settings import WorkerSettings
from workers.tasks import register

_ROOT = Path(__file__).parents[2]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_import_contracts_hold():
    outcome = _run(str(Path(sys.executable).parent / "lint-imports"), "--no-logo")
    assert outcome.returncode == 0, outcome.stdout


def test_the_service_starts_without_the_heavy_libraries():
    blocked = ["numpy", "scipy", "SimpleITK", "highdicom", "nilearn", "nibabel", "matplotlib", "PIL"]
    modules = [
        "service.node",
        "service.intake",
        "service.assembly",
        "service.courier",
        "service.delivery",
        "service.cli.worklist",
    ]
    code = (
        f"import sys\nfor name in {blocked!r}: sys.modules[name] = None\n"
        f"from importlib import import_module\nfor name in {modules!r}: import_module(name)"
    )
    outcome = _run(sys.executable, "-c", code)
    assert outcome.returncode == 0, outcome.stderr


def test_the_node_loads_nothing_large_that_it_does_not_use():
    code = "import sys, service.cli.run, service.node; print(*{'redis', 'pydicom.sr', 'celery'} & {*sys.modules})"
    outcome = _run(sys.executable, "-c", code)
    assert (outcome.returncode, outcome.stdout.strip()) == (0, ""), outcome.stderr


def test_the_rules_load_nothing_but_the_standard_library_and_yaml():
    code = "import sys, rules.decide, rules.policy; print(*{name.split('.')[0] for name in sys.modules})"
    outcome = _run(sys.executable, "-c", code)
    assert outcome.returncode == 0, outcome.stderr
    foreign = (
        set(outcome.stdout.split())
        - sys.stdlib_module_names
        - {"rules", "yaml", "_yaml", "__main__", "cython_runtime"}
    )
    assert {name for name in foreign if not name.startswith("_")} == set()


def test_the_lock_names_no_host_and_no_path():
    lock = (_ROOT / "requirements.lock").read_text()
    assert not re.findall(r"https?://|file:|index-url|find-links|(?:^|\s)/\w", lock)


def test_every_locked_requirement_has_hashes():
    lock = (_ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[a-zA-Z0-9])", lock)
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_each_task_name_is_registered_by_the_other_side(tmp_path):
    worker = make_worker(WorkerSettings())
    register(worker, WorkerSettings())
    assert TRIAGE_STUDY in worker.tasks
    settings = Settings(data=tmp_path)
    courier = make_courier(settings)
    register_courier(courier, open_store(settings), settings)
    assert STUDY_TRIAGED in courier.tasks
