"""The network: a small U-Net on 2D slices, in which what comes up is added to what went down."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.checks.planes import CHANNELS

WIDTHS = (16, 32, 48, 96)
"""Channels at full, half, quarter and eighth resolution: 26 ms for a slice on one core."""
OPSET = 17


def _step(before: int, after: int, size: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, size, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after, momentum=0.02), nn.ReLU())


class UNet(nn.Module):
    """Slices (n, channels, rows, columns) to logits (n, 1, rows, columns); rows and columns are multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.e0 = nn.Sequential(_step(len(CHANNELS), a), _step(a, a))
        self.e1 = nn.Sequential(_step(a, b), _step(b, b))
        self.e2 = nn.Sequential(_step(b, c), _step(c, c), _step(c, c))
        self.e3 = nn.Sequential(_step(c, d), _step(d, d), _step(d, d))
        self.u2, self.u1, self.u0 = _step(d, c, 1), _step(c, b, 1), _step(b, a, 1)
        self.d2 = nn.Sequential(_step(c, c), _step(c, c))
        self.d1 = nn.Sequential(_step(b, b), _step(b, b))
        self.d0 = nn.Sequential(_step(a, a), _step(a, a))
        self.out = nn.Conv2d(a, 1, 1)
        nn.init.constant_(self.out.bias, -3.0)

    def forward(self, planes: Tensor) -> Tensor:
        """Down three times and up again."""
        full = self.e0(planes)
        half = self.e1(functional.max_pool2d(full, 2))
        quarter = self.e2(functional.max_pool2d(half, 2))
        deep = self.e3(functional.max_pool2d(quarter, 2))
        quarter = self.d2(_doubled(self.u2(deep)) + quarter)
        half = self.d1(_doubled(self.u1(quarter)) + half)
        return self.out(self.d0(_doubled(self.u0(half)) + full))


def _doubled(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="nearest")


def export(network: nn.Module, path: Path) -> None:
    """Write the ONNX for any number and size of slices."""
    axes = {0: "n", 2: "rows", 3: "columns"}
    torch.onnx.export(
        network.cpu().float().eval(),
        (torch.zeros(1, len(CHANNELS), 64, 64),),
        str(path),
        input_names=["planes"],
        output_names=["logits"],
        dynamic_axes={"planes": axes, "logits": axes},
        opset_version=OPSET,
        dynamo=False,
    )
