"""An export as a page that a person can read: one table for each kind of data. No script, nothing from elsewhere."""

import datetime as dt
import html
from collections.abc import Iterable
from typing import Final

import msgspec

from push.model.profiles import Json
from push.profiles.rights.exporting import Export, Rows

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{border:1px solid #999;padding:.2rem .5rem;text-align:left;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}"
)
TITLES: Final = {
    "addresses": "Where messages reach you",
    "arms": "Which campaigns may speak to you, and which are kept from you to compare",
    "asked": "What you were asked to agree to",
    "attempts": "Attempts to send messages",
    "checks": "When your consent was looked at, and what for",
    "confirmations": "What we asked you by mail to confirm",
    "consent_history": "What you agreed to and refused, and when",
    "consents": "What holds now",
    "decisions": "What was decided, and why",
    "coupons": "Your coupons",
    "deliveries": "Messages on their way",
    "devices": "Your devices",
    "events": "What you did, as we were told",
    "facets": "How your records are kept",
    "features": "What was worked out from that",
    "happenings": "What happened to messages",
    "identifiers": "By what we know you",
    "links": "Why these records are yours",
    "messages": "Messages to you",
    "moments": "Moments in stores",
    "nicknames": "What screens may call you",
    "receipts": "What you did with messages",
    "requests": "What you asked us for",
    "segment_moves": "Groups that you came into or left",
    "segments": "Groups that you are in",
    "snoozes": "Until when you want no offers",
    "standings": "Totals",
    "stays": "Where you were in stores",
    "tags": "Your cards and tags",
    "touches": "How often you were told something",
    "visits": "Your visits",
    "waiting": "What may be said to you later",
}
"""By kind of data; one that is not here goes by its own name."""


def page(found: Export) -> bytes:
    """The page, in UTF-8."""
    made = _time(found.made_ms)
    parts = [_section("What we know of you", [{"name": n, "value": v} for n, v in sorted(found.traits.items())])]
    parts += [_section(TITLES.get(name, name), rows) for name, rows in found.records.items()]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Your data</title><style>{_STYLE}</style>"
    return f"{head}<h1>Your data</h1><p>Everything that is kept of you, as of {made}.</p>{''.join(parts)}".encode()


def _section(title: str, rows: Rows) -> str:
    if not rows:
        return f"<h2>{html.escape(title)}</h2><p>Nothing.</p>"
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = _row("th", (name.removesuffix("_ms").replace("_", " ") for name in names))
    body = "".join(_row("td", (_shown(name, row.get(name)) for name in names)) for row in rows)
    return f"<h2>{html.escape(title)}</h2><table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _row(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(text)}</{cell}>' for text in texts)}</tr>"


def _shown(name: str, value: Json) -> str:
    if value is None:
        return ""
    if name.endswith("_ms") and isinstance(value, int):
        return _time(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


_LAST_MS: Final = 253_402_300_799_000
"""The end of the year 9999: what no calendar tells stays a number."""


def _time(at_ms: int) -> str:
    if not 0 < at_ms <= _LAST_MS:
        return str(at_ms)
    return f"{dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
