"""Campaigns in words: what each answers, whom it is for, how often, and what became of it at a decision. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from push.console import words
from push.console.persons.happenings import Names
from push.model.campaigns import Budget, Campaign, CampaignState, Cap, Pick, Schedule, Trigger, TriggerKind
from push.model.decisions import Verdict

KINDS: Final[Mapping[TriggerKind, str]] = {
    "store_entered": "She comes into a store",
    "zone_entered": "She comes to a department",
    "dwelled": "She stays a while",
    "zone_left": "She leaves a department",
    "left": "She leaves the store",
    "approached": "She comes near a shelf",
    "event": "Something happens in app, shop or till",
    "purchase": "She buys something",
    "basket": "A basket is left behind",
    "silent": "Nothing is heard of her for days",
    "birthday": "It is her birthday",
    "segment_entered": "She comes into a segment",
    "segment_left": "She leaves a segment",
    "scheduled": "It is a time of the day",
    "feed": "A feed tells of something",
    "asked": "A website, kiosk or till asks",
}
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WITHIN: Final = {"visit": "a visit", "day": "a day", "week": "a week", "month": "a month", "ever": "ever"}
STATES: Final[Mapping[CampaignState, tuple[str, str]]] = {
    "draft": ("draft", "soon"),
    "review": ("to be reviewed", "soon"),
    "live": ("live", "people"),
    "paused": ("paused", "now"),
    "ended": ("ended", "history"),
}
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_BEFORE: Final = re.compile(
    r"(?<=always goes before )[\w-]+(?= at )|(?<![\w-])[\w-]+(?= comes first| always goes before it)"
)
"""Where a campaign is said by its id to go before another."""
_WORTH: Final = re.compile(
    r"worth (?P<value>\S+), opened with (?P<likely>[\d.]+), less (?P<tired>[\d.]+) of patience: -?[\d.]+"
)
"""As decisions record what they reckoned."""
_PERCENT: Final = 100
_SHORT: Final = 14
"""Ids that are longer are cut."""


class Fate(NamedTuple):
    """A verdict as people read it: in one or two words, its tone, and what it means."""

    word: str
    tone: str
    means: str


FATES: Final[Mapping[Verdict, Fate]] = {
    "chosen": Fate("sent", "push", "it was worth most to her"),
    "outvalued": Fate("outbid", "history", "another was worth more"),
    "holdout": Fate("held out", "history", "she is kept from it, to compare"),
    "worthless": Fate("not worth it", "history", "worth less than the price of one more message"),
    "cap": Fate("capped", "history", "she has had enough for now"),
    "budget": Fate("used up", "history", "no budget was left"),
    "quiet": Fate("quiet hours", "history", "it was too late or too early"),
    "later": Fate("later", "soon", "it waits for a better moment"),
    "schedule": Fate("not now", "history", "it does not run at that time"),
    "audience": Fate("not for her", "history", "its audience leaves her out"),
    "bought": Fate("bought", "history", "she bought it, or its like, lately"),
    "owned": Fate("has it", "history", "she owns it"),
    "redeemed": Fate("redeemed", "history", "she used the offer already"),
    "disliked": Fate("disliked", "history", "she wanted less of it"),
    "snoozed": Fate("asked for quiet", "history", "she wants no offers for now"),
    "consent": Fate("no consent", "history", "she did not agree to it"),
    "no channel": Fate("not reachable", "history", "no channel reaches her"),
    "stale": Fate("too late", "history", "the evidence was too old to act on"),
    "stock": Fate("not in stock", "history", "nothing was there to offer"),
    "coupon": Fate("no coupon", "history", "the pool ran dry"),
    "template": Fate("no words", "now", "its text could not be filled in"),
    "stopped": Fate("stopped", "now", "somebody silenced it"),
    "not live": Fate("not live", "history", "it was not live"),
}
ORDER: Final = tuple(FATES)
"""In which verdicts are told: what was nearest to being said comes first."""


def pseudonym(person: str) -> str:
    """As much of a person's id as tells her from others."""
    return person if len(person) <= _SHORT else f"{person[: _SHORT - 2]}…"


def named(text: str, called: Mapping[str, str]) -> str:
    """What is said of campaigns by their ids, by their names: that one goes before another."""
    return _BEFORE.sub(lambda found: f"“{called[found[0]]}”" if found[0] in called else found[0], text)


def plain(text: str) -> str:
    """Why a campaign was worth what it was, as people say it; all else as it is recorded."""
    found = _WORTH.fullmatch(text)
    if found is None:
        return text
    often = f"{float(found['likely']) * _PERCENT:.0f} of 100 open what comes this way"
    tired = float(found["tired"])
    return f"worth {found['value']}, and {often}" + (f"; less {tired:.2f} for her patience" if tired else "")


def sentence(text: str) -> str:
    """What others say in a few words, as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def fate(verdict: str) -> Fate:
    """A verdict in words; of one that this version does not know, its own name."""
    return FATES.get(verdict, Fate(verdict, "history", ""))  # type: ignore[call-overload,no-any-return] # any text may ask


# --- when -------------------------------------------------------------------------------------------------------------


def when(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    """What a campaign answers, as a sentence without its stop."""
    said = _WHEN[trigger.kind](trigger, names, segments)
    wait = f", {span(trigger.wait_s)} later" if trigger.wait_s else ""
    unless = f", unless {words.listed([f'“{each}”' for each in trigger.unless])} happened" if trigger.unless else ""
    return said + wait + unless


def span(seconds: int) -> str:
    """``30 s``, ``2 min``, ``1 h``, ``3 days``, as exact as it is."""
    for unit_s, one in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds and seconds % unit_s == 0:
            return words.count(seconds // unit_s, one)
    return words.count(seconds, "second")


def _where(trigger: Trigger, names: Names, anywhere: str) -> str:
    zones = [_zone(each, trigger, names) for each in trigger.zones]
    stores = [names.stores.get(each, each) for each in trigger.stores]
    if zones:
        return " or ".join(zones) + (f" ({words.listed(stores)})" if stores else "")
    return (" or ".join(stores)) or anywhere


def _zone(zone: str, trigger: Trigger, names: Names) -> str:
    """A zone's name: that of the stores that are meant, or of any; zones of one id are taken for the same."""
    found = [name for (store, id_), name in names.zones.items() if id_ == zone and store in (trigger.stores or {store})]
    return found[0] if found else zone


def _entered(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del segments
    return f"When she comes into {_where(trigger, names, 'any store')}"


def _zone_entered(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del segments
    return f"When she comes to {_where(trigger, names, 'any department')}"


def _dwelled(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del segments
    return f"When she has been in {_where(trigger, names, 'any department')} for {span(trigger.mark_s)}"


def _left(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del segments
    return f"When she leaves {_where(trigger, names, 'a store' if trigger.kind == 'left' else 'a department')}"


def _approached(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names, segments
    return f"When she comes near {words.listed(list(trigger.fixtures)) or 'any shelf with a beacon'}"


def _event(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del segments
    where = "" if not trigger.stores else f" in {_where(trigger, names, '')}"
    return f"When “{trigger.event or 'an event'}” happens{where}"


def _purchase(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del segments
    return "When she buys something" + ("" if not trigger.stores else f" in {_where(trigger, names, '')}")


def _basket(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names, segments
    return f"When a basket was left for {span(trigger.minutes * _MINUTE_S)}"


def _silent(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names, segments
    return f"When nothing was heard of her for {words.count(trigger.days, 'day')}"


def _birthday(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names, segments
    return f"On her birthday at {trigger.at}"


def _segment(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names
    name = "a segment" if trigger.segment is None else f"“{segments.get(trigger.segment, trigger.segment)}”"
    return f"When she {'comes into' if trigger.kind == 'segment_entered' else 'leaves'} {name}"


def _scheduled(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names
    whom = "" if trigger.segment is None else f" to everybody in “{segments.get(trigger.segment, trigger.segment)}”"
    return f"At {trigger.at}{whom}"


def _feed(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del names, segments
    return f"When the feed {trigger.feed or '(none chosen)'} tells of “{trigger.event or 'anything'}”"


def _asked(trigger: Trigger, names: Names, segments: Mapping[str, str]) -> str:
    del trigger, names, segments
    return "When a website, kiosk or till asks what to show"


_WHEN: Final = {
    "store_entered": _entered,
    "zone_entered": _zone_entered,
    "dwelled": _dwelled,
    "zone_left": _left,
    "left": _left,
    "approached": _approached,
    "event": _event,
    "purchase": _purchase,
    "basket": _basket,
    "silent": _silent,
    "birthday": _birthday,
    "segment_entered": _segment,
    "segment_left": _segment,
    "scheduled": _scheduled,
    "feed": _feed,
    "asked": _asked,
}


# --- how often, and what ----------------------------------------------------------------------------------------------


def cap(one: Cap) -> str:
    """``at most 1 of this campaign a week``."""
    of = {
        "all": "messages of any kind",
        "campaign": "of this campaign",
        "tag": f"of what is tagged {one.tag or '?'}",
        "channel": f"by {one.channel or '?'}",
        "store": "in one store",
    }[one.of]
    within = f"within {span(one.hours * _HOUR_S)}" if one.hours else WITHIN[one.within or "ever"]
    return f"at most {words.number(one.most)} {of} {within}"


def budget(one: Budget) -> str:
    """``at most 5,000 to everybody, ever``."""
    of = {"campaign": "to everybody", "store": "in each store", "chain": "of all campaigns"}[one.of]
    within = {"hour": "an hour", "day": "a day", "month": "a month", "ever": "ever"}[one.within]
    return f"at most {words.number(one.most)} {of} {within}"


def often(campaign: Campaign) -> str:
    """Every cap and budget of a campaign."""
    return words.listed([*map(cap, campaign.caps), *map(budget, campaign.budgets)]) or "only as the chain's caps allow"


def schedule(one: Schedule) -> str:
    """Days and parts of the day; empty where it always runs."""
    parts = [
        ", ".join(WEEKDAYS[day] for day in sorted(one.weekdays)),
        ", ".join(f"{begin} to {end}" for begin, end in one.dayparts),
        "while the store is open" if one.while_open else "",
        {"also": "", "never": "not on holidays", "only": "on holidays only"}[one.holidays],
    ]
    return "; ".join(filter(None, parts))


def pick(one: Pick) -> str:
    """Which product is offered."""
    of = words.listed(list(one.of[:3])) + ("…" if len(one.of) > 3 else "")  # noqa: PLR2004 - more is a list
    return {
        "list": f"the best of {of or 'a list'}",
        "category": f"the best in {of or 'a category'}",
        "brand": f"the best of {of or 'a brand'}",
        "likes": "the best of what she likes",
        "basket": "what lies in her basket",
        "wishes": "what is on her wish list",
    }[one.among]


def variants(campaign: Campaign) -> int:
    """In how many ways the slots can be filled."""
    many = 1
    for slot in campaign.slots:
        many *= len(slot.options)
    return many


def sorted_by_fate(verdicts: Sequence[str]) -> list[str]:
    """Verdicts in the order in which they are told."""
    place = {verdict: n for n, verdict in enumerate(ORDER)}
    return sorted(verdicts, key=lambda each: (place.get(each, len(place)), each))  # type: ignore[call-overload] # any text
