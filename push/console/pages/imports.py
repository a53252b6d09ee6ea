"""Imports: a spreadsheet handed in, tried before it counts, followed while it runs, and undone if it was wrong."""

from typing import Final

from push.console import times, words
from push.console.context import Answer, ConsoleContext, Shown, TroubleError, Visit, not_found
from push.registry import bulk, csv_columns
from push.registry.bulk import RUNNING, Import

PATH: Final = "/console/import"
MOST: Final = 20
_LATEST_MS: Final = 2**53
_STATES: Final = {
    "receiving": ("arriving", "soon"),
    "checking": ("being checked", "soon"),
    "applying": ("being written", "soon"),
    "checked": ("tried", "history"),
    "done": ("in force", "people"),
    "failed": ("refused", "now"),
    "undone": ("undone", "history"),
}


def _require(visit: Visit) -> None:
    if visit.who.stores is not None:
        detail = "A file may hold beacons of every store, and you are kept to some."
        raise TroubleError(403, "Imports are not yours to make", detail, ("/console/beacons", "Beacons"))


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """Where files are handed in, and what became of the last ones."""
    _require(visit)
    rows = await console.db.fetch("imports.page", after_ms=_LATEST_MS, after_id="\U0010ffff", most=MOST)
    found = [bulk.import_of(row, visit.now_ms) for row in rows]
    values = {
        "rows": [_told(one, visit.now_ms) for one in found],
        "columns": csv_columns.COLUMNS,
        "tz": console.zones.named("UTC"),
    }
    return Shown("import.html", values)


async def one(console: ConsoleContext, visit: Visit) -> Answer:
    """How far an import is, and what is wrong with its file."""
    _require(visit)
    row = await console.db.fetch_one("imports.get", id=visit.at["import"])
    if row is None:
        raise not_found("import", (PATH, "Imports"))
    found = bulk.import_of(row, visit.now_ms)
    values = {
        "one": found,
        "told": _told(found, visit.now_ms),
        "sentence": sentence(found),
        "is_running": found.state in RUNNING,
        "tz": console.zones.named("UTC"),
    }
    return Shown("import_one.html", values)


def sentence(one: Import) -> str:
    """The page's answer."""
    rows = words.count(one.rows_read, "row")
    return {
        "receiving": "The file is arriving",
        "checking": f"{rows} read, {words.number(one.rows_checked)} checked",
        "applying": f"{words.number(one.rows_written)} of {rows} written",
        "failed": f"{words.spelled(one.error_count, 'thing is', 'things are')} wrong: nothing was imported",
        "checked": f"{rows} would go in: {_counts(one)}",
        "undone": "Undone: what stood before stands again",
        "done": f"{rows} imported: {_counts(one)}",
    }[one.state]


def _counts(one: Import) -> str:
    return f"{words.number(one.new)} new, {words.number(one.changed)} changed, {words.number(one.same)} as they were"


def _told(one: Import, now_ms: int) -> dict[str, object]:
    word, tone = _STATES[one.state]
    return {
        "id": one.id,
        "word": word,
        "tone": tone,
        "who": one.actor.removeprefix("operator:"),
        "ago": times.lasting(now_ms - one.created_ms),
        "rows": words.number(one.rows_read),
        "counts": _counts(one) if one.state in {"checked", "done", "undone"} else "",
        "errors": one.error_count,
        "part": _part(one),
    }


def _part(one: Import) -> int | None:
    """How much is done, in percent; None while nobody knows how much there is."""
    if one.state == "applying":
        return 50 + 50 * one.rows_written // max(1, one.rows_read)
    if one.state == "checking" and one.rows_checked:
        return 50 * one.rows_checked // max(1, one.rows_read)
    return None if one.state in RUNNING else 100
