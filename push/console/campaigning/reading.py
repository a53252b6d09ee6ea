"""From a form to the campaign that it means, laid over the one that it was filled from. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from push.console.campaigning.expected import EXPECTED, TRANSLATED, of_rule
from push.console.campaigning.sheet import ON, Row, Sheet, field_of, parsed_ms
from push.console.pages.edits import id_from
from push.model.campaigns import Campaign
from push.model.errors import Fault, MisfitError
from push.model.rules.parse import RuleError, parse

_PATH: Final = re.compile(r"at `\$\.([a-z0-9_.\[\]…]+)")
_BLANKS: Final = re.compile(r"\s*,\s*")
_MOST: Final = 1e15
"""What floats hold exactly; beyond that digits are an id."""
LONGEST_RULE: Final = 100_000
_PERCENT: Final = 100


class Over(NamedTuple):
    """What a form is laid over: the campaign before, the id of the one that it makes, and the zone of its dates."""

    base: Campaign
    id: str
    zone: tzinfo


def read(sheet: Sheet, over: Over) -> Campaign:
    """The campaign that a form means. Raises `MisfitError` with everything that does not hold, by field."""
    faults: list[Fault] = []
    raw = msgspec.to_builtins(over.base)
    raw["id"] = over.id
    for part in _PARTS:
        part(sheet, raw, _Reader(sheet, over, faults))
    try:
        found = msgspec.convert(raw, Campaign)
    except msgspec.ValidationError as error:
        at = _PATH.search(str(error))
        path = at[1] if at else ""
        faults.append(Fault(path, EXPECTED.get(field_of(path), f"{str(error).partition(' - at')[0]}.")))
    if faults:
        raise MisfitError(f"campaign {over.id}", tuple(faults))
    return found


class _Reader:
    """Reads fields, and collects what is wrong with them."""

    def __init__(self, sheet: Sheet, over: Over, faults: list[Fault]) -> None:
        self._sheet = sheet
        self._faults = faults
        self.over = over

    def wrong(self, path: str, expected: str = "") -> None:
        """Of a field, or of what stands in a row: ``caps[1]``."""
        self._faults.append(Fault(path, expected or EXPECTED[field_of(path)]))

    def number(self, path: str, text: str, otherwise: float = 0) -> float:
        plain = text.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-")
        try:
            found = float(plain) if plain else otherwise
        except ValueError:
            found = float("nan")
        if not abs(found) < _MOST:  # also what is no number
            self.wrong(path)
            return otherwise
        return found

    def whole(self, path: str, text: str, otherwise: int = 0) -> int:
        found = float(self.number(path, text, otherwise))
        if not found.is_integer():
            self.wrong(path)
        return int(found)

    def words(self, name: str) -> list[str]:
        """What stands with commas between; words may have blanks."""
        return _comma(self._sheet.text(name))

    def boxes(self, name: str) -> list[str]:
        return [each for each in self._sheet.text(name).split("\n") if each]

    def at_ms(self, name: str) -> int | None:
        try:
            return parsed_ms(self._sheet.text(name), self.over.zone)
        except (ValueError, OverflowError):
            self.wrong(name)
            return None


def _comma(text: str) -> list[str]:
    return [each for each in _BLANKS.split(text.replace("\n", ",").strip()) if each]


def _answers(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    trigger = raw["trigger"]
    trigger["where"] = [_where(row) for row in sheet.rows.get("where", ())]
    trigger |= {
        "kind": sheet.text("kind"),
        "stores": read.boxes("stores"),
        "zones": read.boxes("zones"),
        "fixtures": read.words("fixtures"),
        "event": sheet.text("event"),
        "feed": sheet.text("feed"),
        "segment": sheet.text("segment") or None,
        "trait": sheet.text("trait") or "birthday",
        "at": sheet.text("at") or "10:00",
        "unless": read.words("unless"),
        "wait_s": int(
            read.number("wait", sheet.text("wait")) * read.number("wait", sheet.text("wait_unit"), otherwise=60)
        ),
    }
    trigger |= {name: read.whole(name, sheet.text(name)) for name in ("mark_s", "days", "minutes")}


_LISTS: Final = frozenset({"one_of", "none_of", "between"})


def _where(row: Row) -> dict[str, Any]:
    """What a property is compared with, as `_value` of it is typed."""
    text, op = row["where_value"], row["where_op"] or "is"
    value = [_plain(each) for each in _comma(text)] if op in _LISTS else _plain(text)
    return {"property": row["where_property"], "op": op, "value": value}


def _plain(text: str) -> str | float | bool | None:
    """What was typed, as JSON has it: numbers are numbers, yes and no are true and false."""
    if text in {"", "yes", "no"}:
        return {"": None, "yes": True, "no": False}[text]
    try:
        number = float(text)
    except ValueError:
        return text
    if not abs(number) < _MOST or (text[:2].isdecimal() and text.startswith("0")):
        return text  # digits of an id
    return int(number) if number.is_integer() else number


def _who(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    raw["name"] = sheet.text("name")
    if not id_from(raw["name"]):
        read.wrong("name", "A name with a letter or digit was expected.")
    try:
        rule = msgspec.json.decode(sheet.text("rule")[:LONGEST_RULE]) if sheet.text("rule") else None
    except msgspec.DecodeError:
        read.wrong("rule", "A rule as JSON was expected.")
        return
    raw["audience"] = None if rule in (None, {"kind": "all", "of": []}) else rule
    if raw["audience"] is not None:
        try:
            parse(raw["audience"])
        except RuleError as error:
            read.wrong("rule", of_rule(error))


def _says(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    raw["template"] = {
        "title": sheet.text("title"),
        "body": sheet.text("body"),
        "url": sheet.text("url") or None,
        "image": sheet.text("image") or None,
    }
    before = {(one["channel"], one["locale"]): one["template"] for one in raw["wordings"]}
    wordings = []
    for row in sheet.rows.get("wordings", ()):
        channel, locale = row["wording_channel"] or None, row["wording_locale"] or None
        kept = before.get((channel, locale), raw["template"])
        said = {**kept, "title": row["wording_title"] or raw["template"]["title"], "body": row["wording_body"]}
        wordings.append({"channel": channel, "locale": locale, "template": said})
    raw["wordings"] = wordings
    raw["slots"] = _slots(sheet.rows.get("options", ()), read)


def _slots(rows: Sequence[Row], read: _Reader) -> list[dict[str, Any]]:
    slots: dict[str, list[dict[str, Any]]] = {}
    for n, row in enumerate(rows):
        options = slots.setdefault(row["option_slot"], [])
        name = row["option_id"] or _free_id(row["option_text"], options)
        options.append(
            {
                "id": name,
                "text": row["option_text"],
                "texts": dict(_translated(row["option_texts"], f"options[{n}]", read)),
                "weight": read.number(f"options[{n}]", row["option_weight"], otherwise=1),
                "product": row["option_product"] or None,
                "coupon": row["option_coupon"] or None,
            }
        )
    return [{"name": name, "options": options} for name, options in slots.items()]


def _translated(text: str, path: str, read: _Reader) -> Iterator[tuple[str, str]]:
    """Languages with their words, of ``de: Schuhwoche`` on a line each."""
    for line in filter(None, map(str.strip, text.splitlines())):
        language, colon, said = (part.strip() for part in line.partition(":"))
        if not (language and colon and said):
            read.wrong(path, TRANSLATED)
            return
        yield language, said


def _free_id(text: str, options: Sequence[Mapping[str, Any]]) -> str:
    """An id like the option's text, that no other of the slot has."""
    taken = {each["id"] for each in options}
    like = id_from(text)[:24].strip("-") or "option"
    return next(name for n in range(len(taken) + 1) if (name := like if not n else f"{like}-{n + 1}") not in taken)


def _offers(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    among = sheet.text("pick_among")
    raw["pick"] = None
    if among:
        raw["pick"] = {
            "among": among,
            "of": read.words("pick_of"),
            "in_stock": sheet.text("pick_in_stock") == ON,
            "not_owned": sheet.text("pick_not_owned") == ON,
        }
    raw["coupon"] = sheet.text("coupon") or None
    raw["about"] |= {name: read.words(name) for name in ("products", "categories", "brands")}
    raw["about"]["bought_days"] = read.whole("bought_days", sheet.text("bought_days"), 30)


def _limits(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    raw["schedule"] |= {
        "from_ms": read.at_ms("from"),
        "until_ms": read.at_ms("until"),
        "weekdays": [int(each) if each.isdigit() else each for each in read.boxes("weekdays")],
        "dayparts": [_comma(part.replace("-", ",").replace("\N{EN DASH}", ",")) for part in read.words("dayparts")],
        "while_open": sheet.text("while_open") == ON,
        "holidays": sheet.text("holidays") or "also",
        "zone": sheet.text("zone") or "store",
    }
    raw["caps"] = [_cap(row, f"caps[{n}]", read) for n, row in enumerate(sheet.rows.get("caps", ()))]
    raw["budgets"] = [
        {
            "most": read.whole(f"budgets[{n}]", row["budget_most"]),
            "of": row["budget_of"] or "campaign",
            "within": row["budget_within"] or "ever",
        }
        for n, row in enumerate(sheet.rows.get("budgets", ()))
    ]


def _cap(row: Row, path: str, read: _Reader) -> dict[str, Any]:
    of, named, within = row["cap_of"] or "campaign", row["cap_named"], row["cap_within"] or "week"
    if of in {"tag", "channel"} and not named:
        read.wrong(path)
    is_hours = within.startswith("h") and within[1:].isdigit()
    return {
        "most": read.whole(path, row["cap_most"]),
        "of": of,
        "tag": named if of == "tag" and named else None,
        "channel": named if of == "channel" and named else None,
        "within": None if is_hours else within,
        "hours": int(within[1:]) if is_hours else None,
    }


def _weighs(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    raw |= {
        "when": sheet.text("told") or "now",
        "otherwise": sheet.text("otherwise") or "drop",
        "is_quiet": sheet.text("is_quiet") == ON,
        "lifetime_s": round(read.number("lifetime_min", sheet.text("lifetime_min"), 10) * 60),
        "priority": read.whole("priority", sheet.text("priority")),
        "value": read.number("value", sheet.text("value"), 1),
        "holdout": read.number("holdout", sheet.text("holdout")) / _PERCENT,
        "tags": read.words("tags"),
        "channels": read.words("channels"),
        "needs": read.boxes("needs"),
        "urgency": sheet.text("urgency") or "high",
        "basis": sheet.text("basis") or "marketing",
    }


def _steps(sheet: Sheet, raw: dict[str, Any], read: _Reader) -> None:
    before = raw["steps"]
    steps = []
    for n, row in enumerate(sheet.rows.get("steps", ())):
        kept: dict[str, Any] = before[n] if n < len(before) else {"at_good_time": False, "template": None}
        said = kept["template"] or raw["template"]
        is_own = row["step_title"] or row["step_body"]
        steps.append(
            {
                **kept,
                "after_s": int(
                    read.number(f"steps[{n}]", row["step_after"]) * read.number(f"steps[{n}]", row["step_unit"], 3600)
                ),
                "unless": row["step_unless"] or "opened",
                "channel": row["step_channel"] or None,
                "template": {**said, "title": row["step_title"] or said["title"], "body": row["step_body"]}
                if is_own
                else None,
            }
        )
    raw["steps"] = steps


_PARTS: Final[tuple[Callable[[Sheet, dict[str, Any], _Reader], None], ...]] = (
    _answers, _who, _says, _offers, _limits, _weighs, _steps,
)  # fmt: skip
