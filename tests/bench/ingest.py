"""make bench-ingest: the same MR slices from DCMTK storescu to this node, Orthanc and DCMTK storescp, interleaved in one run.

Prints JSON: instances a second, processor time for each instance, peak memory, and our ratio to the others, for each size of
slice and number of senders. The median of the rounds counts: other work on the machine hits all listeners alike. Nothing is
deleted meanwhile: who makes a file on an ext4 without a journal looks at every inode that was freed in the last minutes.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.bench.page import table, write_section
from tests.bench.peers import Listener, listeners, send
from tests.bench.slices import write_slices

_ROOT = "1.2.826.0.1.3680043.8.498.7"


def run(counts: dict[int, int], senders: tuple[int, ...], rounds: int, folder: Path) -> dict[str, Any]:
    """counts : number of slices of each size (pixels along a side)"""
    figures: dict[tuple[int, int], dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    with listeners(folder) as peers:
        for turn in range(rounds):
            for size, count in counts.items():
                for number in senders:
                    order = peers[turn % len(peers) :] + peers[: turn % len(peers)]
                    root = f"{_ROOT}.{turn}.{size}.{number}"
                    sets = _sets(folder / "slices" / root, root, size, count, number)
                    for peer in order:
                        figures[size, number][peer.name].append(_measured(peer, sets, count))
        return {
            "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
            "rounds": rounds,
            "load": round(os.getloadavg()[1], 1),
            "durable": {peer.name: peer.syncs for peer in peers},
            "peak_mb": {peer.name: round(peer.peak_mb()) for peer in peers},
            "runs": [_summary(size, number, counts[size], by) for (size, number), by in figures.items()],
        }


def _sets(folder: Path, root: str, size: int, count: int, senders: int) -> list[Path]:
    """What each sender sends: a series of one study, together `count` slices."""
    return [
        write_slices(folder / str(number), count // senders, size, root, series=number)
        for number in range(1, senders + 1)
    ]


def _measured(peer: Listener, sets: list[Path], count: int) -> dict[str, float]:
    before = peer.cpu_s()
    seconds = send(peer, sets)
    return {"per_s": count / seconds, "cpu_ms": (peer.cpu_s() - before) / count * 1000}


def _summary(
    size: int, senders: int, count: int, by_peer: dict[str, list[dict[str, float]]]
) -> dict[str, Any]:
    middle = {
        name: {key: statistics.median(one[key] for one in runs) for key in ("per_s", "cpu_ms")}
        for name, runs in by_peer.items()
    }
    ours = by_peer["cartriage"]
    return {
        "slice": f"{size}x{size}",
        "senders": senders,
        "instances": count,
        "per_s": {name: round(one["per_s"], 1) for name, one in middle.items()},
        "server_cpu_ms": {name: round(one["cpu_ms"], 2) for name, one in middle.items()},
        "ratio": {
            name: round(
                statistics.median(a["per_s"] / b["per_s"] for a, b in zip(ours, runs, strict=True)), 2
            )
            for name, runs in by_peer.items()
            if name != "cartriage"
        },
    }


def _text(result: dict[str, Any]) -> str:
    names = ("cartriage", "orthanc", "storescp")
    rows = [
        (
            run["slice"],
            run["senders"],
            *(run["per_s"][name] for name in names),
            run["ratio"]["orthanc"],
            " / ".join(str(run["server_cpu_ms"][name]) for name in names[:2]),
        )
        for run in result["runs"]
    ]
    head = (
        "slices",
        "senders",
        "this node, 1/s",
        "Orthanc, 1/s",
        "storescp, 1/s",
        "ratio to Orthanc",
        "CPU ms, ours / Orthanc",
    )
    peaks = ", ".join(f"{name} {peak} MB" for name, peak in result["peak_mb"].items())
    durable = "; ".join(f"{name}: {what}" for name, what in result["durable"].items())
    return f"{table(head, rows)}\n\nPeak memory: {peaks}. Durable before the answer: {durable}. Load of the machine: {result['load']}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=int, default=400, help="slices of 256x256 in a run; of 512x512 half as many"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 4])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        counts = {256: arguments.count, 512: arguments.count // 2}
        result = run(counts, tuple(arguments.senders), arguments.rounds, Path(folder))
    write_section("bench-ingest", _text(result))
    print(json.dumps(result, indent=2))  # noqa: T201 - the figures are what it is for


if __name__ == "__main__":
    main()
