"""make fuzz-node: mutated PDUs at the socket and mutated objects at the intake; the node must stay well and small."""

import argparse
import random
import socket
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from service.errors import RefusedError
from service.intake import Intake, Received, open_intake
from service.settings import Settings
from service.store.session import open_store, upgrade
from tests.bench.page import table, write_section
from tests.bench.peers import Listener, cartriage
from tests.service.conftest import MR_IMAGE_STORAGE, NOON, encoded, mr_slice
from tests.service.wire import association_request, command, connected, echo, pdu, pdv, status

_BATCH = 500


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out, doubled or put in; or the end cut off."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(changed)), chance.randint(1, 8)
        match chance.randrange(5):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case 3:
                changed[at : at + length] = chance.randbytes(length)
            case _:
                del changed[max(at, 1) :]
        if not changed:
            break
    return bytes(changed)


def fuzz_pdus(node: Listener, count: int, seed: int) -> tuple[object, ...]:
    """Each PDU on a connection of its own: every third an association request, the others an object within an association."""
    chance = random.Random(seed)
    ds = mr_slice(PixelData=b"\0" * 64)
    request = pdu(pdv(command(ds.SOPInstanceUID), 3), pdv(encoded(ds), 2))
    well, batch = 0, min(_BATCH, count)
    for number in range(count):
        with suppress(OSError, AssertionError):
            if number % 3:
                with connected(node.port) as peer:
                    peer.sendall(mutated(request, chance))
            else:
                with socket.create_connection(("127.0.0.1", node.port), timeout=10) as peer:
                    peer.sendall(mutated(association_request(), chance))
        if number % batch == batch - 1:
            well += _answers(node)
    asked = count // batch
    alive = "the node never ended" if node.process.is_running() else "NODE ENDED"
    return (
        "mutated PDUs",
        count,
        f"{alive}; {well} of {asked} C-ECHOs answered; {node.peak_mb():.0f} MB at most",
    )


def fuzz_objects(intake: Intake, count: int, seed: int) -> tuple[object, ...]:
    """Each is stored or refused with a status; anything else is a bug and ends the run."""
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        ds = mr_slice(number, PixelData=b"\0" * 64)
        syntax = chance.choice(("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"))
        request = Received(
            transfer_syntax_uid=syntax,
            sop_class_uid=MR_IMAGE_STORAGE,
            sop_instance_uid=str(ds.SOPInstanceUID),
            calling_ae_title="FUZZ",
            dataset=mutated(encoded(ds, syntax), chance),
        )
        try:
            intake.take(request, NOON)
            outcomes["stored"] += 1
        except RefusedError as refused:
            outcomes[f"0x{refused.refusal.value:04X}"] += 1
    return (
        "mutated objects",
        count,
        ", ".join(f"{outcome}: {number}" for outcome, number in sorted(outcomes.items())),
    )


def _answers(node: Listener) -> bool:
    for _ in range(100):
        with suppress(OSError, AssertionError), connected(node.port) as peer:
            peer.sendall(echo())
            return status(peer) == 0
        time.sleep(0.1)
    return False


def run(folder: Path, pdus: int, objects: int, seed: int) -> list[tuple[object, ...]]:
    settings = Settings(data=folder / "objects", disk_watermark_mb=0)
    store = open_store(settings)
    upgrade(store)
    with open_intake(store, settings) as intake:
        rows = [fuzz_objects(intake, objects, seed)]
    store.close()
    with cartriage(folder, CARTRIAGE_NETWORK_TIMEOUT_S="5") as node:
        rows.append(fuzz_pdus(node, pdus, seed))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pdus", type=int, default=20_000)
    parser.add_argument("--objects", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-node-") as folder:
        rows = run(Path(folder), arguments.pdus, arguments.objects, arguments.seed)
    text = table(("what", "number", "outcome"), rows)
    write_section("fuzz-node", text)
    print(text)  # noqa: T201 - the figures are what it is for


if __name__ == "__main__":
    main()
