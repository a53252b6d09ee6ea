"""A sparkline: the shape of a day, drawn on the server as SVG, said in words for whoever does not see it."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

WIDTH: Final = 96
HEIGHT: Final = 32
_INSET: Final = 2.0


def spark(values: Sequence[float], label: str) -> Markup:
    """The line through `values`, evenly spaced from left to right, from zero up; nothing where there is no line."""
    if len(values) < 2 or not any(values):  # noqa: PLR2004 - a line has two ends
        return Markup("")
    top = max(values)
    step = WIDTH / (len(values) - 1)
    points = [
        (round(n * step, 1), round(HEIGHT - _INSET - (HEIGHT - 2 * _INSET) * value / top, 1))
        for n, value in enumerate(values)
    ]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<path class="under" d="M0,{h} L{line} L{w},{h} Z"/><path d="M{line}"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, label=label, line=line)
