"""Truth against estimate as a picture: both tracks on the floor, the receivers, how sure it was, and a scale."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from firmware_sim.walks.files import Floats, Receivers
from firmware_sim.walks.score import Answers

WIDTH_PX: Final = 1200
HEAD_PX: Final = 90
EDGE_M: Final = 2.0
SPREAD_EVERY: Final = 5
"""Circles every so many seconds: all of them would hide the tracks."""
_PAPER, _INK, _GRID = (255, 255, 255), (40, 44, 52), (228, 231, 236)
_TRUTH, _ESTIMATE, _MISS, _SPREAD = (22, 128, 82), (201, 79, 30), (244, 200, 180), (250, 229, 219)
_SCALES_M: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


class _Sheet:
    """Paper on which metres are drawn; y grows to the south, as on the plans of stores."""

    def __init__(self, low_m: Floats, high_m: Floats) -> None:
        size_m = np.maximum(high_m - low_m, 1.0)
        self.px_per_m = min(WIDTH_PX / size_m[0], 2 * WIDTH_PX / size_m[1])
        width, height = (int(side) for side in np.ceil(size_m * self.px_per_m))
        self.image = Image.new("RGB", (max(width, WIDTH_PX // 2), height + HEAD_PX), _PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self._low_m = low_m

    def at(self, point_m: Floats) -> tuple[float, float]:
        x, y = (point_m - self._low_m) * self.px_per_m
        return float(x), float(y) + HEAD_PX

    def dot(self, point_m: Floats, radius_px: float, fill: tuple[int, int, int]) -> None:
        x, y = self.at(point_m)
        self.draw.ellipse((x - radius_px, y - radius_px, x + radius_px, y + radius_px), fill=fill)

    def line(self, points_m: Floats, fill: tuple[int, int, int], width: int) -> None:
        """A track, with gaps where nothing is known."""
        for a, b in pairwise(points_m):
            if not np.isnan([a, b]).any():
                self.draw.line((*self.at(a), *self.at(b)), fill=fill, width=width)

    def text(self, at_px: tuple[float, float], words: str, size_px: int = 15, anchor: str = "la") -> None:
        self.draw.text(at_px, words, fill=_INK, font=ImageFont.load_default(size_px), anchor=anchor)


def plot(path: Path, title: str, receivers: Receivers, truth: Floats, answers: Answers) -> None:
    """Write a PNG. `truth` is (n, 2) in metres. Raises OSError where the file cannot be written."""
    shown = np.concatenate([receivers.at_m, truth, answers.at_m[~np.isnan(answers.at_m).any(axis=1)]])
    sheet = _Sheet(shown.min(axis=0) - EDGE_M, shown.max(axis=0) + EDGE_M)
    _spread(sheet, answers)
    _receivers(sheet, receivers)
    for a, b in zip(truth, answers.at_m, strict=True):
        sheet.line(np.stack([a, b]), _MISS, 1)
    _track(sheet, truth, _TRUTH)
    _track(sheet, answers.at_m, _ESTIMATE)
    x, y = sheet.at(truth[0])
    sheet.text((x, y + 10), "start", anchor="ma")
    _head(sheet, title)
    sheet.image.save(path, format="PNG")


def _spread(sheet: _Sheet, answers: Answers) -> None:
    for point_m, spread_m in list(zip(answers.at_m, answers.spread_m, strict=True))[::SPREAD_EVERY]:
        if not np.isnan([*point_m, spread_m]).any():
            sheet.dot(point_m, spread_m * sheet.px_per_m, _SPREAD)


def _track(sheet: _Sheet, points_m: Floats, color: tuple[int, int, int]) -> None:
    sheet.line(points_m, color, 3)
    for point_m in points_m[~np.isnan(points_m).any(axis=1)]:
        sheet.dot(point_m, 4, color)


def _receivers(sheet: _Sheet, receivers: Receivers) -> None:
    for name, at_m in zip(receivers.names, receivers.at_m, strict=True):
        x, y = sheet.at(at_m)
        sheet.draw.rectangle((x - 7, y - 7, x + 7, y + 7), fill=_GRID, outline=_INK, width=2)
        sheet.text((x, y - 12), name, anchor="ms")


def _head(sheet: _Sheet, title: str) -> None:
    """Title, what the colours mean, and how long a metre is."""
    sheet.draw.rectangle((0, 0, sheet.image.width, HEAD_PX - 1), fill=_PAPER)
    sheet.draw.line((0, HEAD_PX - 1, sheet.image.width, HEAD_PX - 1), fill=_GRID, width=2)
    sheet.text((20, 14), title, 22)
    x = 20
    for words, color in (("truth", _TRUTH), ("estimate", _ESTIMATE), ("its spread", _SPREAD), ("error", _MISS)):
        sheet.draw.rectangle((x, 56, x + 18, 70), fill=color)
        sheet.text((x + 26, 54), words)
        x += 130
    longest_m = sheet.image.width / 4 / sheet.px_per_m
    scale_m = max((m for m in _SCALES_M if m <= longest_m), default=_SCALES_M[0])
    right, left = sheet.image.width - 20, sheet.image.width - 20 - scale_m * sheet.px_per_m
    sheet.draw.line((left, 66, right, 66), fill=_INK, width=3)
    sheet.text(((left + right) / 2, 58), f"{scale_m} m", anchor="ms")
