"""What a campaign's form is filled from: what is chosen from, what is ready to be put in, and its empty rows."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from push.console.campaigning import said
from push.console.campaigning.sheet import ROWS, UNITS, Sheet
from push.console.context import ConsoleContext
from push.console.persons.who import explained

SPARE: Final = 1
"""Empty rows at the end, to be filled without script."""

CONDITIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Bought before", {"kind": "did", "event": "Order Completed", "least": 1}),
    ("Bought lately", {"kind": "did", "event": "Order Completed", "least": 1, "within_days": 30}),
    ("Never bought", {"kind": "not", "of": {"kind": "did", "event": "Order Completed", "least": 1}}),
    ("Comes often", {"kind": "fact", "fact": "figures.visits", "op": "at_least", "value": 5}),
    ("Likes a category", {"kind": "fact", "fact": "figures.categories", "op": "contains", "value": ""}),
)
"""Conditions that stores ask for most, ready to be put in."""
CHANNELS: Final = ("", "inapp", "webpush", "fcm", "apns", "email", "webhook", "screen")
EVENTS: Final = ("Signed Up", "Product Viewed", "Product Added", "Product Added to Wishlist", "Checkout Started")
OPS: Final = (
    ("is", "is"),
    ("is_not", "is not"),
    ("one_of", "is one of"),
    ("none_of", "is none of"),
    ("at_least", "is at least"),
    ("at_most", "is at most"),
    ("between", "is between"),
    ("contains", "contains"),
    ("begins", "begins with"),
    ("known", "is there"),
    ("unknown", "is not there"),
)
WITHIN: Final = (
    ("visit", "a visit"),
    ("day", "a day"),
    ("week", "a week"),
    ("month", "a month"),
    ("ever", "ever"),
    ("h24", "in 24 hours"),
    ("h72", "in 3 days"),
    ("h168", "in 7 days"),
    ("h720", "in 30 days"),
    ("h2160", "in 90 days"),
)
_USUAL: Final = {"cap_within": "week", "step_unit": "3600"}
"""What a new row begins with."""
PICKS: Final = (
    ("", "No product"),
    ("list", "The best of a list of products"),
    ("category", "The best of categories"),
    ("brand", "The best of brands"),
    ("likes", "The best of what she likes"),
    ("basket", "What lies in her basket"),
    ("wishes", "What is on her wish list"),
)


def spare(group: str) -> list[dict[str, str]]:
    """Empty rows of a group."""
    return [{name: _USUAL.get(name, "") for name in ROWS[group]} for _ in range(SPARE)]


def _of_segments(segments: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    return [("In a segment", {"kind": "segment", "segment": min(segments)})] if segments else []


def views(filled: Sheet) -> list[tuple[str, str]]:
    """As which wording it may be looked at."""
    found = {"": "As most people get it"}
    for row in filled.rows.get("wordings", ()):
        channel, locale = row["wording_channel"], row["wording_locale"]
        found[f"{channel}/{locale}"] = ", ".join(filter(None, (channel and f"by {channel}", locale and f"in {locale}")))
    return [(key, text) for key, text in found.items() if text]


def variants(filled: Sheet) -> int:
    """In how many ways its slots can be filled."""
    many: dict[str, int] = {}
    for row in filled.rows.get("options", ()):
        many[row["option_slot"]] = many.get(row["option_slot"], 0) + 1
    product = 1
    for options in many.values():
        product *= options
    return product


def choices(console: ConsoleContext, segments: Mapping[str, str]) -> dict[str, Any]:
    """What is chosen from, as the form's template has it."""
    directory = console.directory()
    stores = {store.id: store.name for store in directory.stores.values()}
    zones: dict[str, tuple[str, list[str]]] = {}
    for (store, zone), place in sorted(directory.zones.items()):
        zones.setdefault(zone, (place.name, []))[1].append(stores.get(store, store))
    purposes = console.people.desk.purposes
    return {
        "conditions": [
            (text, msgspec.json.encode(rule).decode()) for text, rule in (*CONDITIONS, *_of_segments(segments))
        ],
        "kinds": list(said.KINDS.items()),
        "stores": sorted(stores.items(), key=lambda item: item[1].casefold()),
        "zones": [(id_, name, ", ".join(where[:3])) for id_, (name, where) in zones.items()],
        "segments": [("", "None"), *sorted(segments.items(), key=lambda item: item[1].casefold())],
        "purposes": [(each, explained(purposes, each)[0]) for each in purposes.known],
        "weekdays": list(enumerate(said.WEEKDAYS)),
        "units": UNITS,
        "channels": [(each, each or "any") for each in CHANNELS],
        "events": EVENTS,
        "within": WITHIN,
        "picks": PICKS,
        "ops": OPS,
    }
