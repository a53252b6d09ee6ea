"""docs/campaigns.md names every setting, every bound of a campaign's fields and every limit, with the code's values."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from push.campaigns import (
    check_prices,
    choosing,
    experiences,
    feeds,
    files,
    gathering,
    lifecycle,
    picks,
    pools,
    proof,
    reaching,
    receipts,
    render,
    results,
    runner,
    sandbox,
    stops,
    triggers,
    waiting,
)
from push.campaigns.content_settings import ContentSettings
from push.campaigns.settings import CampaignSettings
from push.ingest.engine import IngestSettings
from push.model.campaigns import Campaign
from push.profiles.segments import asking

DOCS: Final = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_BOUNDS: Final = ("ge", "gt", "le", "lt", "min_length", "max_length")


def table(name: str) -> list[tuple[str, ...]]:
    """The cells of a table of the guide."""
    text = DOCS.partition(f"<!-- table: {name} -->\n")[2].partition("\n\n")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines()[2:]]
    assert rows, f"there is no table {name}"
    return rows


def number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def bounds(kind: inspect.Type) -> str:
    """What a value may be, as the guide writes it: what numbers lie between, and how much texts and lists hold."""
    if isinstance(kind, inspect.UnionType):
        return next((said for each in kind.types if (said := bounds(each))), "")
    given = {name: value for name in _BOUNDS if (value := getattr(kind, name, None)) is not None}
    low = given.get("ge", given.get("gt", given.get("min_length")))
    high = given.get("le", given.get("lt", given.get("max_length")))
    unit = " characters" if isinstance(kind, inspect.StrType) and given else ""
    if high is None:
        return ""
    more = "more than " if "gt" in given else ""
    return f"{more}{number(low)} to {number(high)}{unit}" if low is not None else f"at most {number(high)}{unit}"


def fields(kind: type[msgspec.Struct], path: str = "", known: set[type] | None = None) -> Iterator[tuple[str, str]]:
    """Every bounded field of a Struct and of those in it, by its path; of those that come again, once."""
    known = set() if known is None else known
    known.add(kind)
    for field in _fields(kind):
        name = f"{path}{field.name}"
        if said := bounds(field.type):
            yield f"`{name}`", said
        for inner in _structs(field.type):
            if inner.cls not in known:
                yield from fields(inner.cls, f"{name}.", known)


def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    seen = inspect.type_info(kind)
    assert isinstance(seen, inspect.StructType)
    return seen.fields


def _structs(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """The Structs in a type."""
    if isinstance(kind, inspect.StructType):
        yield kind
    for each in (*getattr(kind, "types", ()), getattr(kind, "item_type", None)):
        if each is not None:
            yield from _structs(each)


def settings_told() -> Iterator[tuple[str, str, str]]:
    for prefix, kind in (("", CampaignSettings), ("content.", ContentSettings)):
        default: Any = kind()
        for field in _fields(kind):
            if field.name != "content":
                value = getattr(default, field.name)
                told = value if isinstance(value, float) else msgspec.to_builtins(value)
                yield f"`{prefix}{field.name}`", f"`{_toml(told)}`", bounds(field.type) or "a time of day"
    [visits] = (field for field in _fields(IngestSettings) if field.name == "pushes_per_visit")
    yield "`pushes_per_visit` (`[push.ingest]`)", f"`{visits.default}`", bounds(visits.type)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items() if each is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


LIMITS: Final[dict[str, str]] = {
    "candidates of one decision, those of the highest priority and value": number(gathering.MOST),
    "campaigns of one decision that are chosen and cannot be said; then nothing is": number(choosing.MOST_TRIES),
    "her own record of opening, by channel": f"{gathering.ANSWERS_D} days",
    "what is known of her in a receipt; beyond, which audiences she was in": f"{receipts.MOST_FACTS_BYTES // 1024} kB",
    "what waits for one person; events that wait": f"{waiting.MOST}; {waiting.MOST}",
    "what could not be asked, until it is forgotten": f"{waiting.GRACE_MS // HOUR_MS} h, or `lifetime_s`",
    "what falls due while its campaign is paused": f"{waiting.PAUSED_MS // HOUR_MS} h",
    "what waits for the tills; for the next visit": "; ".join(
        f"{waiting.AT_PLACES_MS[place] // HOUR_MS} h" for place in ("checkout", "next_visit")
    ),
    "nothing is put off for longer": f"{waiting.LONGEST_MS // DAY_MS} days",
    "an event that was told so late is history": f"{triggers.STALE_MS // HOUR_MS} h",
    "tries of what fails about one person": number(runner.MOST_TRIES),
    "feeds, each store's for itself": number(feeds.MOST),
    "a campaign with all its wordings; its file": f"{lifecycle.MOST_BYTES // 1024} kB; {files.MOST_BYTES // 1024} kB",
    "drafts that never spoke and are kept, before the newest version": number(lifecycle.DRAFTS_KEPT),
    "texts with options in them that are looked at for reductions": number(check_prices.MOST_FILLED),
    "people who are asked whom a campaign reaches": number(asking.MOST_ASKED),
    "what was sent counts for that": f"{reaching.TOUCHED_MS // DAY_MS} days",
    "deliveries that a stop cancels in one transaction": number(stops.AT_ONCE),
    "a stop is carried through again for": f"{stops.AGAIN_MS // 1000} s",
    "tags of a text; turns of its loops": f"{render.MAX_TAGS}; {number(render.MAX_TURNS)}",
    "a rendered field": f"{number(render.MAX_OUTPUT_BYTES)} bytes",
    "a text, a list that a template sees": f"{number(render.MAX_FACT_CHARS)} characters, {render.MAX_ITEMS} items",
    "renderings that wait for a process, and how long": f"{sandbox.MOST_WAITING}, {sandbox.WAIT_S:g} s",
    "a text that was killed rests for": f"{sandbox.REFUSE_S:g} s",
    "products of a shelf that are looked at; products in `products`": f"{number(picks.LOOKED_AT)}; {picks.MOST}",
    "pools of coupons; lines of a file of codes": f"{pools.MOST_POOLS}; {number(pools.MOST_LINES)}",
    "groups of people who see the app otherwise; offers at once": (
        f"{experiences.MOST_GROUPS}; {experiences.MOST_OFFERS}"
    ),
    "days within which a purchase counts for results": f"{results.WITHIN_DAYS} (1 to {results.MOST_DAYS})",
    "people of each arm, buyers of the smaller one, without whom nothing is said": (
        f"{proof.LEAST}, {proof.LEAST_BUYERS}"
    ),
}


def test_every_setting_is_told_with_its_default_and_range() -> None:
    assert table("settings") == list(settings_told())


def test_every_bound_of_a_campaigns_fields_is_told() -> None:
    assert table("fields") == list(fields(Campaign))


def test_every_limit_is_told_with_its_value() -> None:
    assert table("limits") == list(LIMITS.items())


def test_the_shipped_configuration_has_the_same_defaults() -> None:
    text = (Path(__file__).parents[3] / "config.toml").read_text(encoding="utf-8")
    for name, default, _ in settings_told():
        plain = name.split("`")[1].removeprefix("content.")
        found = re.search(rf"^{plain} = (.+)$", text, re.MULTILINE)
        assert found is not None, plain
        assert found[1] == default.strip("`"), plain
