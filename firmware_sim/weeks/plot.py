"""How many pushes people got, as a picture: a bar for each number, and a colour for each week."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from firmware_sim.weeks.tally import MOST_SHOWN, Week

SIZE_PX: Final = (1200, 640)
_LEFT, _TOP, _BOTTOM = 80, 110, 560
_PAPER, _INK, _GRID = (255, 255, 255), (40, 44, 52), (228, 231, 236)
_COLORS: Final = ((22, 128, 82), (201, 79, 30))


def plot(path: Path, title: str, weeks: Mapping[str, Week]) -> None:
    """Write a PNG. Raises OSError where the file cannot be written."""
    image = Image.new("RGB", SIZE_PX, _PAPER)
    draw = ImageDraw.Draw(image)
    _text(draw, (20, 14), title, 22)
    highest = max(1, *(max(week.per_person) for week in weeks.values()))
    for part in (0.25, 0.5, 0.75, 1.0):
        y = _BOTTOM - part * (_BOTTOM - _TOP)
        draw.line((_LEFT, y, SIZE_PX[0] - 20, y), fill=_GRID)
        _text(draw, (_LEFT - 10, y), f"{highest * part:,.0f}", anchor="rm")
    group_px = (SIZE_PX[0] - 20 - _LEFT) / (MOST_SHOWN + 1)
    bar_px = group_px * 0.8 / len(weeks)
    for n in range(MOST_SHOWN + 1):
        left = _LEFT + n * group_px + group_px * 0.1
        for place, week in enumerate(weeks.values()):
            top = _BOTTOM - week.per_person[n] / highest * (_BOTTOM - _TOP)
            x = left + place * bar_px
            draw.rectangle((x, top, x + bar_px - 2, _BOTTOM), fill=_COLORS[place % len(_COLORS)])
        words = f"{n} or more" if n == MOST_SHOWN else str(n)
        _text(draw, (left + group_px * 0.4, _BOTTOM + 8), words, anchor="ma")
    _text(draw, (SIZE_PX[0] / 2, _BOTTOM + 40), "pushes that somebody got; bars count people who agreed", anchor="ma")
    x = 20.0
    for place, name in enumerate(weeks):
        draw.rectangle((x, 60, x + 18, 74), fill=_COLORS[place % len(_COLORS)])
        _text(draw, (x + 26, 58), name)
        x += 60 + 9 * len(name)
    image.save(path, format="PNG")


def _text(
    draw: ImageDraw.ImageDraw, at_px: tuple[float, float], words: str, size_px: int = 15, anchor: str = "la"
) -> None:
    draw.text(at_px, words, fill=_INK, font=ImageFont.load_default(size_px), anchor=anchor)
