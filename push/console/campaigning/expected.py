"""What the form of a campaign expects of its fields and rows, in plain words, for whoever typed something else."""

import re
from collections.abc import Mapping
from typing import Final

from push.model.rules.parse import RuleError

_ONE: Final = "One of these was expected."
_SHORT: Final = "At most 200 characters were expected."
_LINK: Final = "An address of at most 2,000 characters was expected, or nothing."
_DATE: Final = "A date with a time was expected."
_NAMES: Final = "Names of at most 200 characters were expected, with commas between."

EXPECTED: Final[Mapping[str, str]] = {
    "name": "A name of 1 to 100 characters was expected.",
    "kind": _ONE,
    "stores": "Stores of this chain were expected.",
    "zones": "Departments of this chain were expected.",
    "fixtures": "Ids of beacons were expected, with commas between: letters, digits, - and _.",
    "mark_s": "A whole number of seconds, at most 86400 (a day), was expected.",
    "event": _SHORT,
    "feed": _SHORT,
    "segment": "A segment that there is was expected.",
    "days": "A whole number of days, at most 3660, was expected.",
    "minutes": "A whole number of minutes, at most 100000, was expected.",
    "trait": _SHORT,
    "at": "A time of the day like 09:30 was expected.",
    "wait": "A number, and 30 days at most, was expected.",
    "wait_unit": _ONE,
    "unless": "At most ten names of events were expected, with commas between.",
    "rule": "A rule that can be read was expected.",
    "title": "A title of 1 to 500 characters was expected.",
    "body": "At most 4,000 characters were expected.",
    "url": _LINK,
    "image": _LINK,
    "pick_among": _ONE,
    "pick_of": _NAMES,
    "coupon": "A pool of coupons that there is was expected, or none.",
    "products": "Ids of products were expected, with commas between: letters, digits, - and _.",
    "categories": _NAMES,
    "brands": _NAMES,
    "bought_days": "A whole number of days, at most 3660, was expected.",
    "from": _DATE,
    "until": _DATE,
    "weekdays": "Days of the week were expected.",
    "dayparts": "Times like 10:00-13:00 were expected, with commas between.",
    "holidays": _ONE,
    "zone": _ONE,
    "told": _ONE,
    "otherwise": _ONE,
    "lifetime_min": "Minutes, from a few seconds (0.1) to 30 days (43200), were expected.",
    "priority": "A whole number from -100 to 100 was expected.",
    "value": "A number from 0 on was expected.",
    "holdout": "A share from 0 to 90 was expected.",
    "tags": "Short words of small letters, digits, - and _ were expected, with commas between.",
    "channels": "Channels like inapp, webpush or email were expected, with commas between.",
    "needs": "Purposes that people are asked for were expected.",
    "urgency": _ONE,
    "basis": _ONE,
    "where": "A property of at most 200 characters, and what it is compared with, were expected.",
    "options": "Each option takes a slot's name (small letters), a text, a product or a pool, and a weight above 0.",
    "caps": "A whole number from 0 to 1000 was expected, and a tag or channel where it is counted by one.",
    "budgets": "A whole number from 0 on was expected.",
    "wordings": "Each wording takes a title, and a language like de or de-AT where it is for one.",
    "steps": "Each step takes a time from one minute to 60 days.",
}
TRANSLATED: Final = "Each line takes a language and its words, like “de: Schuhwoche”."
_PARTS: Final = {
    "fact": "the fact",
    "value": "what it is compared with",
    "event": "the event",
    "segment": "the segment",
    "least": "how often",
    "within_days": "within how many days",
    "within_hours": "within how many hours",
}
_OF: Final = re.compile(r"of\[(\d+)\]")
_QUOTED: Final = re.compile(r"`(\w+)`")


def of_rule(error: RuleError) -> str:
    """What is wrong with a rule, by its conditions as they stand in the form: ``Condition 2, the event: …``."""
    nth = ".".join(str(int(n) + 1) for n in _OF.findall(error.path))
    part = _PARTS.get(error.path.rpartition(".")[2], "")
    where = ", ".join(filter(None, (f"Condition {nth}" if nth else "", part)))
    said = _QUOTED.sub(lambda found: f"“{found[1].replace('_', ' ')}”", error.expected)
    return f"{where}: {said}." if where else f"{said[:1].upper()}{said[1:]}."
