"""A campaign as a form: single fields, rows of several, and what is wrong beside each. Pure.

What the form does not show (images of steps) stays as it stands in the campaign before.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from push.console import times
from push.console.campaigning.labels import FIELDS, LABELS
from push.console.forms import Form
from push.model.campaigns import Campaign

ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "where": ("where_property", "where_op", "where_value"),
    "wordings": ("wording_channel", "wording_locale", "wording_title", "wording_body"),
    "options": (
        "option_slot", "option_text", "option_weight", "option_product", "option_coupon", "option_texts", "option_id",
    ),
    "caps": ("cap_most", "cap_of", "cap_named", "cap_within"),
    "budgets": ("budget_most", "budget_of", "budget_within"),
    "steps": ("step_after", "step_unit", "step_unless", "step_channel", "step_title", "step_body"),
}  # fmt: skip
"""Rows of the form: the names of their fields."""
_FILLED: Final = {
    "where": ("where_property",),
    "wordings": ("wording_title", "wording_body"),
    "options": ("option_text", "option_product", "option_coupon"),
    "caps": ("cap_most",),
    "budgets": ("budget_most",),
    "steps": ("step_after",),
}
"""A row without any of these is not there yet."""
ONE_OF: Final = {
    "where": "Property", "wordings": "Wording", "options": "Option",
    "caps": "Cap", "budgets": "Budget", "steps": "Step",
}  # fmt: skip
"""What one of several rows is called."""
_NTH: Final = re.compile(r"^[a-z]+\[(\d+)\]")
_OPTION: Final = re.compile(r"^slots\[(\d+)\]\.options\[(\d+)\]")
MOST_ROWS: Final = 200
UNITS: Final = (("1", "seconds"), ("60", "minutes"), ("3600", "hours"), ("86400", "days"))
ON: Final = "on"
_PERCENT: Final = 100
_LISTS: Final = ("stores", "zones", "weekdays", "needs")
"""Fields with several values, one a box."""
Row = Mapping[str, str]


class Sheet(NamedTuple):
    """What the form shows: single values, rows, and what is wrong with which field (or group of rows)."""

    values: Mapping[str, str]
    rows: Mapping[str, Sequence[Row]]
    problems: Mapping[str, str] = {}
    revision: int = 0
    is_typed: bool = False

    def text(self, name: str) -> str:
        """A field's value."""
        return self.values.get(name, "")

    def label(self, name: str) -> str:
        """What a field is called."""
        return LABELS[name]

    def has(self, name: str, value: str) -> bool:
        """Whether a box of a field is ticked."""
        return value in self.values.get(name, "").split("\n")

    def wrong(self, name: str) -> str:
        """What was expected of a field; empty where it holds."""
        return self.problems.get(name, "")

    def is_wrong(self, *names: str) -> bool:
        """Whether any of these fields does not hold: what is folded away opens then."""
        return any(name in self.problems for name in names)

    def elsewhere(self, *names: str) -> list[str]:
        """What is wrong with none of these fields."""
        return [text for name, text in self.problems.items() if name not in names and name not in ROWS]


# --- shown ------------------------------------------------------------------------------------------------------------


def of(campaign: Campaign, zone: tzinfo, revision: int = 0) -> Sheet:
    """A campaign as its form shows it; dates in a time zone."""
    values = {**_answers(campaign), **_says(campaign), **_offers(campaign), **_limits(campaign, zone)}
    return Sheet(values, _rows(campaign), revision=revision)


def _answers(one: Campaign) -> dict[str, str]:
    trigger = one.trigger
    wait, unit = _in_units(trigger.wait_s)
    rule = {"kind": "all", "of": []} if one.audience is None else one.audience
    return {
        "name": one.name,
        "kind": trigger.kind,
        "stores": "\n".join(trigger.stores),
        "zones": "\n".join(trigger.zones),
        "fixtures": ", ".join(trigger.fixtures),
        "mark_s": _number(trigger.mark_s),
        "event": trigger.event,
        "feed": trigger.feed,
        "segment": trigger.segment or "",
        "days": _number(trigger.days),
        "minutes": _number(trigger.minutes),
        "trait": trigger.trait,
        "at": trigger.at,
        "wait": wait,
        "wait_unit": unit,
        "unless": ", ".join(trigger.unless),
        "rule": msgspec.json.encode(rule).decode(),
    }


def _says(one: Campaign) -> dict[str, str]:
    return {name: getattr(one.template, name) or "" for name in ("title", "body", "url", "image")}


def _offers(one: Campaign) -> dict[str, str]:
    pick = one.pick
    return {
        "pick_among": "" if pick is None else pick.among,
        "pick_of": "" if pick is None else ", ".join(pick.of),
        "pick_in_stock": ON if pick is None or pick.in_stock else "",
        "pick_not_owned": ON if pick is None or pick.not_owned else "",
        "coupon": one.coupon or "",
        "products": ", ".join(one.about.products),
        "categories": ", ".join(one.about.categories),
        "brands": ", ".join(one.about.brands),
        "bought_days": str(one.about.bought_days),
    }


def _limits(one: Campaign, zone: tzinfo) -> dict[str, str]:
    plan = one.schedule
    return {
        "from": _local(plan.from_ms, zone),
        "until": _local(plan.until_ms, zone),
        "weekdays": "\n".join(map(str, plan.weekdays)),
        "dayparts": ", ".join(f"{begin}-{end}" for begin, end in plan.dayparts),
        "while_open": ON if plan.while_open else "",
        "holidays": plan.holidays,
        "zone": plan.zone,
        "told": one.when,
        "otherwise": one.otherwise,
        "is_quiet": ON if one.is_quiet else "",
        "lifetime_min": f"{one.lifetime_s / 60:g}",
        "priority": str(one.priority),
        "value": f"{one.value:g}",
        "holdout": f"{one.holdout * _PERCENT:g}",
        "tags": ", ".join(one.tags),
        "channels": ", ".join(one.channels),
        "needs": "\n".join(one.needs),
        "urgency": one.urgency,
        "basis": one.basis,
    }


def _rows(one: Campaign) -> dict[str, Sequence[Row]]:
    return {
        "where": [_row("where", each.property, each.op, _value(each.value)) for each in one.trigger.where],
        "wordings": [
            _row("wordings", each.channel or "", each.locale or "", each.template.title, each.template.body)
            for each in one.wordings
        ],
        "options": [
            _row("options", slot.name, o.text, f"{o.weight:g}", o.product or "", o.coupon or "", _lines(o.texts), o.id)
            for slot in one.slots
            for o in slot.options
        ],
        "caps": [
            _row("caps", str(c.most), c.of, c.tag or c.channel or "", f"h{c.hours}" if c.hours else c.within or "ever")
            for c in one.caps
        ],
        "budgets": [_row("budgets", str(each.most), each.of, each.within) for each in one.budgets],
        "steps": [
            _row("steps", *_in_units(s.after_s), s.unless, s.channel or "", *_texts(s.template)) for s in one.steps
        ],
    }


def _texts(template: Any) -> tuple[str, str]:  # noqa: ANN401 - a template or none
    return ("", "") if template is None else (template.title, template.body)


def _lines(texts: Mapping[str, str]) -> str:
    """Translations, a language on a line: ``de: Schuhwoche``."""
    return "\n".join(f"{language}: {' '.join(text.split())}" for language, text in sorted(texts.items()))


def _value(value: Any) -> str:  # noqa: ANN401 - as JSON has it
    """What a property is compared with, as people type it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return {None: "", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _row(group: str, *values: str) -> Row:
    return dict(zip(ROWS[group], values, strict=True))


def _number(value: int) -> str:
    return str(value) if value else ""


def _in_units(seconds: int) -> tuple[str, str]:
    """A length of time in the largest unit that says it exactly."""
    if not seconds:
        return "", "60"
    unit = next(unit for unit, _ in reversed(UNITS) if seconds % int(unit) == 0)
    return str(seconds // int(unit)), unit


def _local(at_ms: int | None, zone: tzinfo) -> str:
    return "" if at_ms is None else times.local(at_ms, zone).strftime("%Y-%m-%dT%H:%M")


# --- typed ------------------------------------------------------------------------------------------------------------


def typed(form: Form, revision: int) -> Sheet:
    """A form as it was sent."""
    values = {name: "\n".join(form.all(name)) if name in _LISTS else form.text(name) for name in LABELS}
    return Sheet(values, {group: _typed_rows(form, group) for group in ROWS}, revision=revision, is_typed=True)


def _typed_rows(form: Form, group: str) -> list[Row]:
    columns = [form.all(name) for name in ROWS[group]]
    many = min(max(map(len, columns), default=0), MOST_ROWS)
    found = [
        {name: column[n].strip() if n < len(column) else "" for name, column in zip(ROWS[group], columns, strict=True)}
        for n in range(many)
    ]
    return [row for row in found if any(row[name] for name in _FILLED[group])]


def with_problems(sheet: Sheet, problems: Iterable[tuple[str, str]]) -> Sheet:
    """The sheet with what is wrong, by path within the campaign (``trigger.zones``) or by field; the first counts."""
    found: dict[str, str] = {}
    for path, text in problems:
        found.setdefault(field_of(path), f"{_row_of(sheet, path)}{text}")
    return sheet._replace(problems=found)


def _row_of(sheet: Sheet, path: str) -> str:
    """Which row of several it stands in, as ``Cap 2: ``; empty where there is one, or it is no row."""
    group = field_of(path)
    rows, nth = sheet.rows.get(group, ()), _NTH.search(path.removeprefix("trigger."))
    if group not in ROWS or len(rows) < 2:  # noqa: PLR2004 - of one, nobody asks which
        return ""
    n = int(nth[1]) if nth else None
    if path.startswith("slots"):
        n = _option(rows, path)
    return "" if n is None or n >= len(rows) else f"{ONE_OF[group]} {n + 1}: "


def _option(rows: Sequence[Row], path: str) -> int | None:
    """The row of an option, by ``slots[0].options[1]`` or ``slots.headline.one``."""
    slots = list(dict.fromkeys(row["option_slot"] for row in rows))
    by_place, by_name = _OPTION.match(path), path.split(".")
    for n, row in enumerate(rows):
        mine = [each for each in rows if each["option_slot"] == row["option_slot"]]
        place = (slots.index(row["option_slot"]), next(k for k, each in enumerate(mine) if each is row))
        if by_place and place == (int(by_place[1]), int(by_place[2])):
            return n
        if by_name[1:3] == [row["option_slot"], row["option_id"]]:
            return n
    return None


def field_of(path: str) -> str:
    """The field of the form that shows what stands at a path; of what it does not show, the path itself."""
    if path in LABELS or path in ROWS:
        return path
    for begins, name in FIELDS:
        if path.startswith(begins):
            return name or path.removeprefix(begins).partition("[")[0].partition(".")[0]
    return path.partition("[")[0].partition(".")[0]


def parsed_ms(text: str, zone: tzinfo) -> int | None:
    """A date with a time as forms send it, on a zone's clocks; None for nothing. Raises ValueError."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC).timestamp() * 1000)
