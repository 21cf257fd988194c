"""make results: a sample result, what programs that were not written here say about it, and its frames as pictures.

Everything stands in docs/results/. Fails if a validator finds an error.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from pydicom import dcmread

from tests.peers import need, pixelmed

CASE = "pres_haemorrhagic"
"""Oedema and blood in one study: a SEG of the FLAIR and one of the susceptibility-weighted series."""
PAGE = Path(__file__).parents[2] / "docs" / "results"
_CARTRIAGE = str(Path(sys.executable).parent / "cartriage")
_CONTEXT = "is_cart_recipient: true\ninfusion_date: 2026-02-21\nproduct: axi-cel\nicans_grade: 2\n"
_AT = "2026-03-01T12:00:00+01:00"
_LIMIT_S = 900
_FRAME = (512, 512)
_NUMBERS = re.compile(r"2\.25\.\d+")


def main() -> None:
    """Make the study, its result and the page."""
    PAGE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        out = folder / "out"
        (folder / "context.yaml").write_text(_CONTEXT)
        _run(folder, _CARTRIAGE, "simulate", CASE, "--out", "study")
        options = ("--context", "context.yaml", "--at", _AT, "--segmentation")
        _run(folder, _CARTRIAGE, "triage", "study", "--out", "out", *options)
        objects = sorted(path.name for path in out.glob("*.dcm"))
        logs = {
            "dciodvfy.txt": "".join(
                _log(out, need("dciodvfy"), "-new", "-filename", name) for name in objects
            ),
            "dcentvfy.txt": _entities(folder, objects),
            "pixelmed.txt": "".join(
                _log(out, *pixelmed("DicomSRValidator"), name) for name in ("SR.dcm", "KOS.dcm")
            ),
            "dsrdump.txt": _log(out, need("dsrdump"), "SR.dcm"),
        }
        _run(out, need("dsr2html"), "SR.dcm", "SR.html")
        for name, text in logs.items():
            (PAGE / name).write_text(text)
        (PAGE / "SR.html").write_text((out / "SR.html").read_text())
        _draw(out)
    wrong = errors(logs)
    (PAGE / "README.md").write_text(_page(objects, logs, wrong))
    if wrong:
        raise SystemExit("\n".join(wrong))


def errors(logs: dict[str, str]) -> list[str]:
    """The lines by which a validator names an error."""
    return [
        f"{name}: {line}"
        for name, text in logs.items()
        for line in text.splitlines()
        if name != "dsrdump.txt" and line.startswith("Error")
    ]


def _entities(folder: Path, objects: Iterable[str]) -> str:
    """The results beside the whole study that they belong to."""
    study = sorted(path.relative_to(folder).as_posix() for path in folder.glob("study/**/*.dcm"))
    said = _log(folder, need("dcentvfy"), *(f"out/{name}" for name in objects), *study)
    return said.replace(" ".join(study), "study/*/*.dcm", 1)


def _log(folder: Path, *command: str) -> str:
    """What a command says, behind its name and arguments, with derived UIDs left out: they change with every version."""
    words = [Path(command[0]).name, *(word for word in command[1:] if not word.startswith(("-D", "-X", "/")))]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT_S, check=False, errors="replace"
    )
    said = _NUMBERS.sub("2.25.…", done.stdout + done.stderr)
    return f"$ {' '.join(words)}\n{said.rstrip()}\n\n"


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_LIMIT_S)


def _draw(out: Path) -> None:
    for old in PAGE.glob("frame-*.png"):
        old.unlink()
    frames = dcmread(out / "SCM.dcm").pixel_array
    for number, frame in enumerate(frames, start=1):
        picture = Image.fromarray(frame).resize(_FRAME, Image.Resampling.LANCZOS)
        picture.quantize(64).save(PAGE / f"frame-{number}.png", optimize=True)


def _page(objects: Iterable[str], logs: dict[str, str], wrong: list[str]) -> str:
    frames = "\n".join(
        f"![Frame {number} of the secondary capture](frame-{number}.png)"
        for number in range(1, len(list(PAGE.glob("frame-*.png"))) + 1)
    )
    counts = "\n".join(
        f"| [{name}]({name}) | {sum(line.startswith('Error') for line in text.splitlines())} | "
        f"{sum(line.startswith(('Warning', 'W:')) for line in text.splitlines())} |"
        for name, text in logs.items()
    )
    return f"""# A sample result, and what others say about it

Made by `make results` from the simulated case `{CASE}`; nothing here is written by hand. The report as DCMTK shows it: [SR.html](SR.html).
Its objects: {", ".join(objects)}.

| log | lines with an error | lines with a warning |
|---|---|---|
{counts}

Errors: {len(wrong)}. The reasons of the warnings of dciodvfy stand in `ALLOWED_WARNINGS` of `tests/workers/reports/test_peers.py`; dcentvfy,
which saw the whole study, takes the Accession Number inside a request sequence for one of the series; DCMTK does not check UTF-8.

{frames}
"""


if __name__ == "__main__":
    main()
