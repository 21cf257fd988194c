"""Train the FLAIR lesion network on a GPU, and write its ONNX.

    python -m workers.models.training.network.train --material FOLDER --seconds 475 --out FOLDER --name full

Needs torch (2.11 was used) beside the product; it is no dependency. Processes fill a pool of slices on the GPU with random heads,
simulated heads and real scans, and go on renewing it while the network learns from random batches of it. Seeds are fixed, but what
the pool holds at each step depends on their pace: a second training gives an equal network, not the same.
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, multiprocessing
from torch.nn import functional

from workers.checks.planes import CHANNELS
from workers.models.training.network.drawing import Chance
from workers.models.training.network.given import Given
from workers.models.training.network.slices import COLUMNS, KEPT, ROWS, Made, random_head
from workers.models.training.network.space import read_space
from workers.models.training.network.unet import UNet, export

PRODUCERS = 3
POOL, SCAN_POOL = 14_000, 2_800
BATCH, RATE = 64, 2.5e-3
HEAD_SHARE, SCAN_SHARE = 0.33, 0.18
"""Share of simulated heads among those that fill the pool, and of real scans in a batch."""
SCAN_EVERY = 6
"""Heads after which one real scan is renewed."""
GROUP = 8
"""Slices over which one Dice is taken: a small lesion weighs as a large one only in part."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Slices on the GPU, a part for each producer, and how many each has ever written."""

    slices: tuple[Tensor, Tensor, Tensor]
    counts: Tensor

    @staticmethod
    def empty(size: int, producers: int, device: str) -> "Pool":
        """Room for some slices."""
        shapes = ((size, len(CHANNELS), ROWS, COLUMNS), (size, ROWS, COLUMNS), (size, ROWS, COLUMNS))
        values, label, weight = (torch.zeros(shape, dtype=torch.float16, device=device) for shape in shapes)
        counts = torch.zeros(producers, dtype=torch.int64).share_memory_()
        return Pool((values, label, weight), counts)

    @property
    def part(self) -> int:
        """Slices of one producer."""
        return len(self.slices[0]) // len(self.counts)

    def add(self, number: int, made: Made | None) -> None:
        """Write slices over the oldest of a producer."""
        if made is None or not len(made[0]) or not bool(torch.isfinite(made[0]).all()):
            return
        count = len(made[0])
        place = (torch.arange(count, device=made[0].device) + int(self.counts[number])) % self.part
        for kept, new in zip(self.slices, made, strict=True):
            kept[place + number * self.part] = new
        self.counts[number] += count

    def drawn(self, count: int) -> list[Tensor]:
        """Random slices of what is filled."""
        part = torch.randint(len(self.counts), (count,))
        filled = self.counts.clamp(max=self.part)[part]
        place = part * self.part + (torch.rand(count) * filled).long()
        return [one[place.to(one.device)].float() for one in self.slices]


def main(arguments: list[str] | None = None) -> None:
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="full")
    parser.add_argument("--seconds", type=float, default=475.0)
    parser.add_argument("--producers", type=int, default=PRODUCERS)
    parser.add_argument("--pool", type=int, default=POOL)
    options = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    multiprocessing.set_start_method("spawn")
    pools = (
        Pool.empty(options.pool, options.producers, device),
        Pool.empty(options.pool * SCAN_POOL // POOL, options.producers, device),
    )
    end = time.time() + options.seconds
    producers = [
        multiprocessing.Process(target=produce, args=(number, options.material, pools, end), daemon=True)
        for number in range(options.producers)
    ]
    for one in producers:
        one.start()
    network = train(pools, end, device)
    for one in producers:
        one.join(60)
    options.out.mkdir(parents=True, exist_ok=True)
    export(network, options.out / f"{options.name}.onnx")


def produce(number: int, material: Path, pools: tuple[Pool, Pool], end: float) -> None:
    """Fill a part of the pools until the end."""
    device = pools[0].slices[0].device
    torch.set_num_threads(1)
    torch.manual_seed(100 + number)
    chance = Chance(np.random.default_rng(100 + number), device)
    space = read_space(material / "template.npz", device)
    space.people.extend(
        torch.as_tensor(np.load(one), device=device) for one in sorted(material.glob("person-*.npy"))
    )
    rooms = (space.rooms(), space.fluid())
    own = sorted(material.glob("head-*.npz"))[number :: len(pools[0].counts)]
    heads, scans = (
        [Given(one, device) for one in some] for some in (own, sorted(material.glob("scan-*.npz")))
    )
    made = 0
    with torch.no_grad():
        while time.time() < end:
            if heads and chance.happens(HEAD_SHARE):
                pools[0].add(number, heads[chance.one_of(len(heads))].slices(24, chance))
            else:
                pools[0].add(number, random_head(space, rooms, chance))
            if scans and made % SCAN_EVERY == 0:
                pools[1].add(number, scans[chance.one_of(len(scans))].slices(16, chance))
            made += 1


def train(pools: tuple[Pool, Pool], end: float, device: str) -> UNet:
    """The running mean of a network that learns until the end."""
    torch.manual_seed(1)
    while int(pools[0].counts.min()) < KEPT and time.time() < end:
        time.sleep(0.5)
    network, mean = UNet().to(device), UNet().to(device)
    mean.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    start, step = time.time(), 0
    while (left := (end - time.time()) / max(end - start, 1)) > 0:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 200) * (0.5 - 0.5 * math.cos(math.pi * left)) + 5e-6
        loss = loss_of(network, batch(pools))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        step += 1
        follow(mean, network, min(0.998, step / (step + 20)))
    return mean


def batch(pools: tuple[Pool, Pool]) -> list[Tensor]:
    """Channels, label and weight of random slices, at times mirrored."""
    count = int(BATCH * SCAN_SHARE) if int(pools[1].counts.min()) else 0
    some = pools[0].drawn(BATCH - count)
    if count:
        some = [torch.cat(pair) for pair in zip(some, pools[1].drawn(count), strict=True)]
    return [one.flip(-1) for one in some] if torch.rand(1) < 0.5 else some


def loss_of(network: UNet, some: list[Tensor]) -> Tensor:
    """Cross-entropy with the lesion's share of each pixel, and a soft Dice over groups of slices."""
    values, label, weight = some
    inside = (values[:, CHANNELS.index("depth")] > 0).float() * weight
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=values.is_cuda):
        logits = network(values)
    logits = logits[:, 0].float()
    entropy = functional.binary_cross_entropy_with_logits(logits, label, reduction="none") * inside
    found, true = torch.sigmoid(logits) * inside, label * inside
    order = torch.randperm(len(values), device=values.device)
    common, one, other = (
        v[order].reshape(len(v) // GROUP, -1).sum(1) for v in (torch.minimum(found, true), found, true)
    )
    dice = 1 - ((2 * common + 10) / (one + other + 10)).mean()
    return 4 * entropy.sum() / inside.sum().clamp_min(1) + dice


@torch.no_grad()
def follow(mean: UNet, network: UNet, keep: float) -> None:
    """Move a running mean towards a network."""
    for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


if __name__ == "__main__":
    main()
