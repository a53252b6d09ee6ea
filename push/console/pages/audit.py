"""The audit trail: who did what to what, and what stood before and after."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from push.console import times
from push.console.context import Answer, ConsoleContext, Shown, TroubleError, Visit
from push.console.tables import link
from push.model.errors import MisfitError
from push.registry import audit as trail
from push.registry.audit import Entry

PATH: Final = "/console/audit"
PER_PAGE: Final = 100
_LONGEST: Final = 120


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The trail, newest first."""
    query = {name: visit.query.get(name, "")[:200] for name in ("actor", "action", "subject", "store")}
    asked = trail.Asked(
        actor=_actor(query["actor"]),
        action=query["action"] or None,
        subject=query["subject"] or None,
        store=query["store"] or None,
        stores=visit.who.stores,
        with_people=visit.who.may("editor"),
        after=visit.query.get("after") or None,
        limit=PER_PAGE,
    )
    try:
        page = await trail.page(console.db, asked)
    except MisfitError as error:
        raise TroubleError(400, "This page is no more", f"{error.why}.", (PATH, "The newest")) from None
    zone = console.zones.named(_home(console, visit))
    values = {
        "rows": [_row(entry, visit.now_ms, zone) for entry in page.items],
        "query": query,
        "is_filtered": any(query.values()),
        "zone": _home(console, visit),
        "first": link(PATH, visit.query, after="") if visit.query.get("after") else "",
        "next": link(PATH, visit.query, after=page.after) if page.after else "",
    }
    return Shown("audit.html", values)


def _actor(text: str) -> str | None:
    """As the trail names her: a login is enough."""
    return (text if ":" in text else f"operator:{text}") if text else None


def _home(console: ConsoleContext, visit: Visit) -> str:
    """The zone of her stores, where they share one."""
    zones = {s.time_zone for s in console.directory().stores.values() if visit.who.sees(s.id)}
    return zones.pop() if len(zones) == 1 else "UTC"


def _row(entry: Entry, now_ms: int, zone: Any) -> dict[str, object]:  # noqa: ANN401 - a tzinfo
    return {
        "entry": entry,
        "when": times.when(entry.at_ms, now_ms, zone),
        "who": entry.actor.removeprefix("operator:"),
        "changes": changes(entry.before, entry.after),
    }


def changes(before: object, after: object) -> list[tuple[str, str, str]]:
    """What is different, field by field: before, and after; empty where there was nothing."""
    one, other = _fields(before), _fields(after)
    names = dict.fromkeys([*one, *other])
    return [
        (name, _text(one.get(name)), _text(other.get(name)))
        for name in names
        if one.get(name) != other.get(name) and not (_text(one.get(name)) == _text(other.get(name)) == "")
    ]


def _fields(value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"": value}


def _text(value: object) -> str:
    if value is None or value in ("", [], {}):
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
