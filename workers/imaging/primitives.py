"""Simple bodies in template space: ellipsoids, tubes and sheets, given for the right and mirrored to the left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.imaging.template import Template

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
Place = tuple[float, float, float]
"""MNI mm: x to the right, y to the front, z up."""

Box = tuple[slice, slice, slice]
"""A block of a grid, (k, j, i)."""


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """MNI coordinates of a (k, j, i) grid, each ready to broadcast; `lateral` is the distance from the midline."""

    lateral: FloatArray
    y: FloatArray
    z: FloatArray


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid; `yaw` carries its back outwards, `pitch` its back upwards, in degrees."""

    centre: Place
    radii: Place
    yaw: float = 0.0
    pitch: float = 0.0

    def inside(self, axes: Axes) -> BoolArray:
        inside = np.zeros((axes.z.size, axes.y.size, axes.lateral.size), dtype=bool)
        box = _reached(axes, self.centre, (max(self.radii),) * 3)
        inside[box] = self._inside(
            Axes(axes.lateral[:, :, box[2]], axes.y[:, box[1], :], axes.z[box[0], :, :])
        )
        return inside

    def _inside(self, axes: Axes) -> BoolArray:
        yaw, pitch = np.radians(self.yaw), np.radians(self.pitch)
        u, v, w = (
            axis - centre for axis, centre in zip((axes.lateral, axes.y, axes.z), self.centre, strict=True)
        )
        u, v = u * np.cos(yaw) + v * np.sin(yaw), v * np.cos(yaw) - u * np.sin(yaw)
        v, w = v * np.cos(pitch) - w * np.sin(pitch), w * np.cos(pitch) + v * np.sin(pitch)
        a, b, c = self.radii
        inside: BoolArray = (u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2 <= 1.0
        return inside


@dataclass(frozen=True, slots=True)
class Tube:
    """A chain of places, thick by `radius`."""

    places: tuple[Place, ...]
    radius: float

    def inside(self, axes: Axes) -> BoolArray:
        near: BoolArray = np.zeros((axes.z.size, axes.y.size, axes.lateral.size), dtype=bool)
        for start, end in zip(self.places, self.places[1:], strict=False):
            middle = [(one + other) / 2 for one, other in zip(start, end, strict=True)]
            half = [abs(one - other) / 2 + self.radius for one, other in zip(start, end, strict=True)]
            box = _reached(axes, middle, half)
            near[box] |= self._near(axes, box, start, end)
        return near

    def _near(self, axes: Axes, box: Box, start: Place, end: Place) -> BoolArray:
        x, y, z = axes.lateral[:, :, box[2]], axes.y[:, box[1], :], axes.z[box[0], :, :]
        run = np.subtract(end, start)
        along = ((x - start[0]) * run[0] + (y - start[1]) * run[1] + (z - start[2]) * run[2]) / (run @ run)
        t = np.clip(along, 0.0, 1.0).astype(np.float32)
        away = [axis - begin - t * step for axis, begin, step in zip((x, y, z), start, run, strict=True)]
        near: BoolArray = away[0] ** 2 + away[1] ** 2 + away[2] ** 2 <= self.radius**2
        return near


@dataclass(frozen=True, slots=True)
class Sheet:
    """An upright sheet that bulges outwards.

    crest : where it lies most lateral
    bend : inward shift per square mm in front of or behind the crest, and per square mm above or below it
    reach : how far it extends to the inside and to the outside of the bent surface, in mm
    y, z : its ends
    """

    crest: Place
    bend: tuple[float, float]
    reach: tuple[float, float]
    y: tuple[float, float]
    z: tuple[float, float]

    def inside(self, axes: Axes) -> BoolArray:
        x, y, z = self.crest
        middle = x - self.bend[0] * (axes.y - y) ** 2 - self.bend[1] * (axes.z - z) ** 2
        near = _between(axes.lateral - middle, (-self.reach[0], self.reach[1]))
        return near & _between(axes.y, self.y) & _between(axes.z, self.z)


def _reached(axes: Axes, middle: Sequence[float], half: Sequence[float]) -> Box:
    """The part of the grid up to some distances from a place."""
    spans = []
    for axis, one, reach in zip((axes.lateral, axes.y, axes.z), middle, half, strict=True):
        found = np.flatnonzero(np.abs(axis.reshape(-1) - one) <= reach)
        spans.append(slice(found[0], found[-1] + 1) if found.size else slice(0, 0))
    return spans[2], spans[1], spans[0]


def _between(values: FloatArray, ends: tuple[float, float]) -> BoolArray:
    inside: BoolArray = (values >= ends[0]) & (values <= ends[1])
    return inside


Shape = Ellipsoid | Tube | Sheet


def any_inside(shapes: tuple[Shape, ...], axes: Axes) -> BoolArray:
    """Voxels in at least one of the shapes, (k, j, i)."""
    inside: BoolArray = np.logical_or.reduce([shape.inside(axes) for shape in shapes])
    return inside


def axes_of(template: Template) -> Axes:
    """Coordinates of a template's grid."""
    nk, nj, ni = template.brain.shape
    step, first = np.diag(template.affine)[:3], template.affine[:3, 3]
    lateral = np.abs(first[0] + step[0] * np.arange(ni))[None, None, :]
    y = -(first[1] + step[1] * np.arange(nj))[None, :, None]
    z = (first[2] + step[2] * np.arange(nk))[:, None, None]
    return Axes(lateral.astype(np.float32), y.astype(np.float32), z.astype(np.float32))
