"""Programs that were not written here and check what we send; on CI none of them may be missing."""

import os
import shutil
from pathlib import Path

import pytest

_JARS = Path("/usr/share/java")


def need(program: str) -> str:
    """Path of an external program; skips the test without it, or fails where CARTRIAGE_REQUIRE_PEERS is set."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    return found or _missing(program)


def need_jars(*names: str) -> str:
    """A Java class path of the named jars of Debian's java folder."""
    missing = [name for name in names if not (_JARS / name).exists()]
    return _missing(missing[0]) if missing else ":".join(str(_JARS / name) for name in names)


def pixelmed(validator: str) -> list[str]:
    """The command that one of PixelMed's validators is started with; a file follows."""
    limits = [f"-Djdk.xml.xpath{limit}=0" for limit in ("ExprOpLimit", "TotalOpLimit", "ExprGrpLimit")]
    # Compiled as far as pays for ten seconds: half the processor time.
    options = ("-Xmx2500m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *limits)
    jars = need_jars("pixelmed.jar", "javax.json.jar")
    return [need("java"), *options, "-cp", jars, f"com.pixelmed.validate.{validator}"]


def need_file(path: Path) -> Path:
    """A file of some Debian package; skips or fails like `need`."""
    return path if path.exists() else Path(_missing(path.name))


def _missing(name: str) -> str:
    if os.environ.get("CARTRIAGE_REQUIRE_PEERS"):
        pytest.fail(f"{name} is not installed")
    return pytest.skip(f"{name} is not installed")
