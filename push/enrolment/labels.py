"""Labels to print for fixtures and cards: a sheet of A4, three by eight, each with a QR code, as one page of HTML."""

from collections.abc import Callable, Sequence
from html import escape
from string import Template
from typing import Final, NamedTuple

COLUMNS: Final = 3
ROWS: Final = 8
"""Of 70 by 37 mm without margins: the commonest sheet of labels."""
MOST: Final = 1_200
"""Of one page: fifty sheets."""


class Label(NamedTuple):
    """What one says: the QR code's text, and three lines for people."""

    qr: str
    id: str
    name: str
    place: str


def sheet(title: str, labels: Sequence[Label], qr_svg: Callable[[str], str]) -> bytes:
    """The page; `qr_svg` draws a text as an SVG element. Nothing on it is loaded from elsewhere."""
    per_sheet = COLUMNS * ROWS
    drawn = [_label(one, qr_svg) for one in labels]
    sheets = ["".join(drawn[start : start + per_sheet]) for start in range(0, len(drawn), per_sheet)]
    body = "\n".join(f'<section class="sheet">{each}</section>' for each in sheets)
    return _PAGE.substitute(title=escape(title), style=STYLE, body=body or "<p>There is nothing to print.</p>").encode()


def _label(one: Label, qr_svg: Callable[[str], str]) -> str:
    texts = {"id": one.id, "name": one.name, "place": one.place}
    lines = "".join(f'<span class="{kind}">{escape(text)}</span>' for kind, text in texts.items())
    return f"<article>{qr_svg(one.qr)}<p>{lines}</p></article>"


STYLE: Final = """@page { size: A4; margin: 0; }
* { box-sizing: border-box; margin: 0; }
body { font: 9pt/1.3 system-ui, sans-serif; background: #fff; color: #000; }
.sheet { width: 210mm; height: 297mm; padding: 0.5mm 0; display: grid; break-after: page;
  grid-template-columns: repeat(3, 70mm); grid-template-rows: repeat(8, 37mm); }
article { display: flex; gap: 3mm; align-items: center; padding: 4mm; overflow: hidden; }
article svg { width: 27mm; height: 27mm; flex: none; }
article p { display: flex; flex-direction: column; min-width: 0; overflow-wrap: anywhere; }
.id { font-weight: 700; }
"""
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
</body>
</html>
""")
