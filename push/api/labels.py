"""Labels of a store's fixtures, to be printed from a browser."""

import asyncio
import base64
import hashlib
from typing import Final

from beacons.topics import ID_PATTERN, is_id
from push.access.totp import qr_svg
from push.api.contract import OPERATOR, Call, Context, Endpoint, Parameter, ProblemError, Reply, own_store
from push.api.enrolment import asked_host
from push.enrolment import labels
from push.enrolment.labels import Label
from push.model.ports import Row
from push.registry import editing

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(labels.STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'",
}
_PER_SHEET: Final = labels.COLUMNS * labels.ROWS
"""Drawn off the loop in one go: a QR code takes some milliseconds, and a page has many."""
_ID: Final = {"type": "string", "pattern": ID_PATTERN}
_PARAMETERS: Final = {
    "store": "Whose fixtures; it must be given.",
    "zone": "Only those in this zone.",
    "after": "The id after which to go on: a page has at most 1,200 labels.",
}


async def print_labels(context: Context, call: Call) -> Reply:
    """A page of labels for a store's fixtures, or for those of one zone; `after` continues where one page ended."""
    store, zone = call.query.get("store", ""), call.query.get("zone", "")
    for name in _PARAMETERS:
        if (name == "store" or name in call.query) and not is_id(call.query.get(name, "")):
            raise ProblemError(400, "Not understood", f"`{name}` in the query: an id of [A-Za-z0-9_-] was expected.")
    own_store(call, store)
    if await editing.store(context.db, store) is None:
        raise ProblemError(404, "Not there", f"There is no store {store}.")
    asked = {"store": store, "zone": zone, "after": call.query.get("after", "")}
    rows = await context.db.fetch("provisioning.labelled", **asked, most=labels.MOST)
    host = asked_host(call)
    found = [_label(row, context.site.beacon_url(row["id"], host)) for row in rows]
    drawn: dict[str, str] = {}
    for start in range(0, len(found), _PER_SHEET):
        drawn |= await asyncio.to_thread(_drawn, found[start : start + _PER_SHEET])
    return Reply(labels.sheet(f"Labels of {store}", found, drawn.__getitem__), headers=_HEADERS)


def _drawn(sheet: list[Label]) -> dict[str, str]:
    return {label.qr: qr_svg(label.qr) for label in sheet}


def _label(row: Row, url: str) -> Label:
    place = ", ".join(filter(None, (row["zone_name"], row["store_name"])))
    return Label(url, row["id"], row["name"], place)


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/labels", OPERATOR, "Labels of a store's fixtures, to print", print_labels, result=bytes,
        media="text/html", errors=(404,), role="viewer", reach="own",
        parameters=tuple(Parameter(name, "query", text, _ID) for name, text in _PARAMETERS.items()),
    ),
)  # fmt: skip
