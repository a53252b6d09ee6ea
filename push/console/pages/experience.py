"""What the app shows: how many offers at once, and in which layout, to which group of people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from push.campaigns import experiences
from push.campaigns.experiences import MOST_GROUPS, RECIPES, By, Experiences, Group, Shelf
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit
from push.console.forms import Form
from push.console.pages import edits
from push.console.pages.campaigns import segment_names
from push.console.pages.person import require
from push.model.errors import MisfitError, StaleError
from push.profiles.segments.records import Limits

PATH: Final = "/console/experience"
LAYOUTS: Final = (
    ("cards", "Cards, one below the other"),
    ("list", "A line each"),
    ("hero", "The latest large, the others in lines"),
)
OTHERS: Final = "others"
_EXPECTED: Final = {
    "offers": "A whole number from 1 to 50 was expected.",
    "layout": "One of these was expected.",
    "segment": "A segment was expected.",
}


class Row(NamedTuple):
    """A group as its fields have it; `key` ends their names."""

    key: str
    segment: str
    offers: str
    layout: str


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The form."""
    require(visit)
    held = await experiences.read(console.db)
    if visit.is_restored:
        return await _shown(console, _typed(visit.form), edits.revision_of(visit.form))
    return await _shown(console, _rows(held.said), held.revision)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Say how offers are shown to whom, or start from what others do."""
    require(visit)
    typed, revision = _typed(visit.form), edits.revision_of(visit.form)
    by = By(visit.actor, visit.now_ms, revision)
    is_begun = visit.form.text("do") == "begin"
    said, wrong = _read(typed)
    if wrong and not is_begun:
        return await _shown(console, typed, revision, wrong, 422)
    try:
        async with console.db.transaction() as tx:
            if is_begun:
                desk = console.people.desk
                await experiences.begin(tx, by, Limits(desk.settings.segments, desk.purposes))
            else:
                await experiences.put(tx, said, by)
    except MisfitError as error:
        return await _shown(console, typed, revision, _faults(typed, error), 422)
    except StaleError as error:
        who = error.changed_by.partition(":")[2] or "Somebody"
        text = f"{who} changed it meanwhile. Save again, and yours stands."
        return await _shown(console, typed, error.revision, {"do": text}, 409)
    return Gone(PATH, "Saved. Apps follow when they are opened next.")


def _rows(said: Experiences) -> list[Row]:
    """What holds, with room for one group more."""
    rows = [_row(str(n), group.segment, group) for n, group in enumerate(said.groups)]
    if len(rows) < MOST_GROUPS:
        rows.append(_row(str(len(rows)), "", Shelf()))
    return [*rows, _row(OTHERS, "", said.others)]


def _row(key: str, segment: str, shelf: Shelf) -> Row:
    return Row(key, segment, str(shelf.offers), shelf.layout)


def _typed(form: Form) -> list[Row]:
    keys = [*(str(n) for n in range(MOST_GROUPS) if form.has(f"layout-{n}")), OTHERS]
    return [Row(key, *(form.text(f"{name}-{key}") for name in ("segment", "offers", "layout"))) for key in keys]


def _read(rows: Sequence[Row]) -> tuple[Experiences, dict[str, str]]:
    """What was typed, a group without a segment being none; and what is wrong, by field."""
    wrong: dict[str, str] = {}
    groups = [group for row in rows[:-1] if row.segment and (group := _converted(Group, row, wrong)) is not None]
    others = _converted(Shelf, rows[-1], wrong) or Shelf()
    return Experiences(groups=tuple(group for group in groups if isinstance(group, Group)), others=others), wrong


def _converted(kind: type[Shelf], row: Row, wrong: dict[str, str]) -> Shelf | None:
    try:
        fields: dict[str, Any] = {
            "offers": edits.one_number("experience", "offers", row.offers),
            "layout": row.layout,
            **({"segment": row.segment} if kind is Group else {}),
        }
        return edits.convert(kind, "experience", fields, _EXPECTED)
    except MisfitError as error:
        wrong.update({f"{fault.field}-{row.key}": fault.expected for fault in error.faults})
        return None


def _faults(rows: Sequence[Row], error: MisfitError) -> dict[str, str]:
    """What was refused, at the field of the group that it is about."""
    named = [row.key for row in rows[:-1] if row.segment]
    found: dict[str, str] = {}
    for fault in error.faults:
        place = fault.field.removeprefix("groups[").partition("]")[0]
        where, text = fault.field, fault.expected.partition(": ")[2] or fault.expected
        is_group = place.isdigit() and int(place) < len(named)
        found[f"segment-{named[int(place)]}" if is_group else where] = f"{text[:1].upper()}{text[1:]}."
    return found


async def _shown(
    console: ConsoleContext,
    rows: Sequence[Row],
    revision: int,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Answer:
    names = await segment_names(console)
    segments = sorted(names.items(), key=lambda item: item[1].casefold())
    gone = [(row.segment, f"{row.segment} (not there any more)") for row in rows if row.segment not in {"", *names}]
    told, keys = wrong or {}, {f"{name}-{row.key}" for row in rows for name in _EXPECTED}
    values = {
        "title": _title(rows),
        "groups": rows[:-1],
        "others": rows[-1],
        "segments": [("", "No segment: leave this group out"), *segments, *gone],
        "layouts": LAYOUTS,
        "recipes": () if any(row.segment for row in rows) else RECIPES,
        "revision": revision,
        "wrong": told,
        "elsewhere": [text for name, text in told.items() if name not in keys],
    }
    return Shown("experience.html", values, status)


def _title(rows: Sequence[Row]) -> str:
    named = sum(bool(row.segment) for row in rows)
    return "The app looks the same to everybody" if not named else "The app looks as people know it"
