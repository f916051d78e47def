"""Outlines of land behind a drawing, out of Natural Earth's by way of the npm package world-atlas.

The package holds TopoJSON whose rings are not cut at the antimeridian: a ring that crosses it
jumps from 180° to -180°. Here each ring is continuous instead, so its longitudes may lie beyond
180°, and one that goes round a pole is closed through the pole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.float64]  # (n, 2): longitude, latitude in degrees; the end meets the start


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the Earth in degrees; its longitudes may lie beyond 180°."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """Many rings in one array; where they begin, and their corners."""

    points: Ring
    starts: npt.NDArray[np.int64]
    least: Ring
    greatest: Ring

    @classmethod
    def of(cls, points: Ring, starts: npt.NDArray[np.int64]) -> "Land":
        """Find the corners."""
        least = np.minimum.reduceat(points, starts)
        return cls(points, starts, least, np.maximum.reduceat(points, starts))

    def within(self, box: Box) -> Iterator[Ring]:
        """The parts of rings that lie in a box at most 360° wide, whichever way round the Earth."""
        ends = [*self.starts[1:], len(self.points)]
        for turn in (-360, 0, 360):
            for which in np.flatnonzero(self._touches(box, turn)):
                ring = np.add(self.points[self.starts[which] : ends[which]], (turn, 0))
                inside = clip(ring, box)
                if len(inside):
                    yield inside

    def _touches(self, box: Box, turn: int) -> npt.NDArray[np.bool_]:
        return (
            (self.least[:, 0] + turn < box.east)
            & (self.greatest[:, 0] + turn > box.west)
            & (self.least[:, 1] < box.north)
            & (self.greatest[:, 1] > box.south)
        )


def clip(ring: Ring, box: Box) -> Ring:
    """The part of a ring inside a box, in one ring (Sutherland and Hodgman, 1974)."""
    for axis, sign, limit in (
        (0, 1, box.west),
        (0, -1, box.east),
        (1, 1, box.south),
        (1, -1, box.north),
    ):
        ring = _beyond(ring, sign * (ring[:, axis] - limit))
    return ring


def _beyond(ring: Ring, depth: npt.NDArray[np.float64]) -> Ring:
    """The part of a ring where `depth` of its points, their distance behind a line, is positive."""
    if len(ring) == 0 or depth.min() >= 0:
        return ring
    inside, depth_after = depth >= 0, np.roll(depth, -1)
    crosses = inside != np.roll(inside, -1)
    share = np.divide(depth, depth - depth_after, out=np.zeros_like(depth), where=crosses)
    crossings = ring + (np.roll(ring, -1, axis=0) - ring) * share[:, None]
    chosen = np.stack([inside, crosses], axis=1).ravel()
    return np.stack([ring, crossings], axis=1).reshape(-1, 2)[chosen]


def rings_of(topology: dict[str, Any]) -> list[Ring]:
    """The continuous rings of a quantized TopoJSON's object `land`."""
    scale, translate = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = [np.cumsum(arc, axis=0) * scale + translate for arc in topology["arcs"]]
    return [
        _continuous(np.concatenate([arcs[i] if i >= 0 else arcs[~i][::-1] for i in ring]))
        for shape in topology["objects"]["land"]["geometries"]
        for polygon in shape["arcs"]
        for ring in polygon
    ]


def _continuous(ring: Ring) -> Ring:
    longitude = np.unwrap(ring[:, 0], period=360)
    longitude = longitude - 360 * np.rint((longitude.min() + longitude.max()) / 720)
    ring = np.column_stack([longitude, ring[:, 1]])
    if abs(longitude[-1] - longitude[0]) < 180:
        return ring
    pole = np.copysign(90, ring[:, 1].mean())
    return np.vstack([ring, [longitude[-1], pole], [longitude[0], pole]])


def write_land(path: Path, rings: list[Ring]) -> None:
    """Keep rings in a file, which appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    starts = np.cumsum([0, *(len(ring) for ring in rings[:-1])])
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, points=np.concatenate(rings).astype(np.float32), starts=starts)
    unfinished.replace(path)


def read_land(path: Path) -> Land | None:
    """What `write_land` kept; None where there is no such file."""
    return _read(path) if path.exists() else None


@lru_cache(maxsize=1)
def _read(path: Path) -> Land:
    with np.load(path) as kept:
        return Land.of(kept["points"].astype(float), kept["starts"])
