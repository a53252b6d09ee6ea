"""A decision in plain words: what was said and why, what was not and why not, on what it rests, and how fast it was."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from push.console import times, words
from push.console.campaigning import said
from push.console.campaigning.said import Fate
from push.console.live.feed import MOMENTS
from push.console.persons.happenings import Names
from push.model.decisions import Considered, Decision, Inputs, Receipt, Touch
from push.model.ports import Row

SHOWN: Final = 12
"""Campaigns of one verdict that are told one by one; the rest by number."""
_DAY_MS: Final = 86_400_000
_TRACE: Final = (
    ("heard_ms", "heard", "people"),
    ("received_ms", "received", "people"),
    ("decided_ms", "decided", "people"),
    ("handed_over_ms", "handed over", "push"),
    ("accepted_ms", "accepted", "push"),
    ("shown_ms", "shown", "push"),
    ("opened_ms", "opened", "push"),
)
_WIDTH: Final = 1000
_INSET: Final = 60


class Other(NamedTuple):
    """A campaign at a decision."""

    id: str
    name: str
    version: int
    why: str
    net: str
    is_chosen: bool


class Group(NamedTuple):
    """All that had the same end."""

    fate: Fate
    lines: Sequence[Other]
    more: int
    """How many are not told one by one."""


class Hop(NamedTuple):
    """A station of a message on its way, placed on a line."""

    x: int
    is_below: bool
    label: str
    after: str
    tone: str


class Fact(NamedTuple):
    """Something that a decision rests on."""

    label: str
    text: str


def groups(considered: Sequence[Considered], called: Mapping[str, str]) -> list[Group]:
    """Every campaign by what became of it, what was nearest to being said first."""
    found: dict[str, list[Considered]] = {}
    for one in considered:
        found.setdefault(one.verdict, []).append(one)
    return [_group(verdict, found[verdict], called) for verdict in said.sorted_by_fate(list(found))]


def _group(verdict: str, among: list[Considered], called: Mapping[str, str]) -> Group:
    ranked = sorted(among, key=lambda one: (-(one.net if one.net is not None else -1e9), one.campaign))
    lines = [_other(one, called) for one in ranked[:SHOWN]]
    return Group(said.fate(verdict), lines, len(ranked) - len(lines))


def _other(one: Considered, called: Mapping[str, str]) -> Other:
    net = "" if one.net is None else f"{one.net:.2f}"
    why = said.named(said.plain(one.why), called)
    why = why[:1].upper() + why[1:]
    return Other(
        one.campaign, called.get(one.campaign, one.campaign), one.version, why, net, is_chosen=one.verdict == "chosen"
    )


def title(decision: Decision, called: Mapping[str, str]) -> str:
    """The page's question."""
    if decision.campaign is None:
        return "Why did she get nothing?"
    return f"Why did she get “{called.get(decision.campaign, decision.campaign)}”?"


def sentence(decision: Decision, called: Mapping[str, str]) -> str:
    """The answer, in one or two sentences."""
    many = len(decision.considered)
    if decision.campaign is None:
        told = groups(decision.considered, called)
        if not told:
            return "Nothing answered this moment."
        most = max(told, key=lambda group: len(group.lines) + group.more)
        return (
            f"{words.spelled(many, 'campaign')} could have spoken, and none did. Mostly because {most.fate.means}."
            if many > 1
            else f"One campaign could have spoken, and did not, because {told[0].fate.means}."
        )
    if many == 1:
        return "It was the only one for this moment, and nothing spoke against it."
    outbid = sum(one.verdict == "outvalued" for one in decision.considered)
    return f"{words.spelled(many, 'campaign')} could have spoken. {_won(outbid, many - 1 - outbid)}"


def _won(outbid: int, held: int) -> str:
    """Why one spoke where others were worth less, or something spoke against them."""
    if not held:
        return "This one was worth most to her."
    if not outbid:
        return "Something spoke against the others, and nothing against this one."
    return "Of those that nothing spoke against, this one was worth most to her."


def where(row: Row, receipt: Receipt, names: Names, zone: tzinfo, now_ms: int) -> str:
    """When, where, and what she did; `row` is one of ``console_campaigns.decision``."""
    moment = MOMENTS.get(row["kind"] or "", "") or _happened(receipt.inputs)
    place = names.zones.get((row["store"], row["zone"] or ""), row["zone"] or "")
    store = names.stores.get(row["store"], row["store"])
    at = times.when(row["decided_ms"], now_ms, zone)
    return " · ".join(filter(None, (at, f"person {said.pseudonym(row['person'])}", moment, place, store)))


def _happened(inputs: Inputs | None) -> str:
    """What was answered, where it was no moment of presence."""
    if inputs is None:
        return ""
    occasion = inputs.occasion
    kind = said.KINDS[occasion.kind]
    return f"“{occasion.name}”" if occasion.name else f"{kind[:1].lower()}{kind[1:]}"


def known(receipt: Receipt, zone: tzinfo) -> list[Fact]:
    """What was known, and allowed, when it was decided."""
    inputs, decision = receipt.inputs, receipt.decision
    if inputs is None:
        return []
    person = inputs.person
    facts = [
        Fact("She agreed to", words.listed(sorted(person.granted)) or "nothing"),
        Fact("Reached by", words.listed(list(person.channels)) or "nothing"),
        Fact("Had already", _had(person.touches, inputs.now_ms)),
        Fact("Her locale", person.locale or "unknown"),
        Fact("The store's clock", _clock(inputs, zone)),
    ]
    if decision.variant:
        drawn = words.listed([f"{slot}: {option}" for slot, option in decision.variant.items()])
        facts.append(Fact("Variant", f"{drawn}, drawn with probability {decision.propensity:.3g}"))
    if decision.held_out:
        facts.append(Fact("Held out", f"{words.count(len(decision.held_out), 'campaign')} would have spoken"))
    if inputs.left_out:
        facts.append(Fact("Not looked at", f"{words.count(inputs.left_out, 'campaign')} of lower priority and value"))
    facts.append(Fact("Engine", str(inputs.engine)))
    return facts


def _had(touches: Sequence[Touch], now_ms: int) -> str:
    week = [each for each in touches if now_ms - each.at_ms < 7 * _DAY_MS]
    here = sum(each.is_here for each in touches)
    told = f"{words.count(len(week), 'message')} in seven days"
    return f"{told}, {here} of this visit" if here else told


def _clock(inputs: Inputs, zone: tzinfo) -> str:
    around = inputs.around
    is_open = {True: "open", False: "closed", None: "hours not known"}[around.is_open]
    holiday = ", a holiday" if around.is_holiday else ""
    return f"{times.clock(inputs.now_ms, zone)}, {is_open}{holiday}"


def trace(row: Row | None) -> list[Hop]:
    """The way of its message, from the radio to her eyes; `row` is one of ``console_campaigns.said``."""
    if row is None:
        return []
    stations = [(label, tone, row[name]) for name, label, tone in _TRACE if row[name] is not None]
    if len(stations) < 2:  # noqa: PLR2004 - a way has two ends
        return []
    begin = stations[0][2]
    # Evenly: a minute until she opens it would leave no room for the rest.
    step = (_WIDTH - 2 * _INSET) // (len(stations) - 1)
    return [
        Hop(_INSET + n * step, n % 2 == 1, label, _after(at - begin), tone)
        for n, (label, tone, at) in enumerate(stations)
    ]


def way(hops: Sequence[Hop]) -> str:
    """How far a message came, as the heading of its way."""
    last = hops[-1].label if hops else ""
    return {
        "shown": "From the radio to her phone",
        "opened": "From the radio to her tap",
        "accepted": "From the radio to who carries it",
        "handed over": "From the radio to who carries it",
    }.get(last, "From the radio to the decision")


def _after(span_ms: int) -> str:
    """``+38 ms``, ``+2.4 s``, ``+4 min``."""
    if span_ms < 1000:  # noqa: PLR2004 - a second
        return f"+{span_ms} ms"
    return f"+{span_ms / 1000:.1f} s" if span_ms < 60_000 else f"+{times.lasting(span_ms)}"  # noqa: PLR2004 - a minute
