"""Decisions: what one rests on, what it says of every campaign that was considered, and what follows from it.

Occasion, Person, Surroundings ─recorded as Inputs─▶ `push.campaigns.decide` ─▶ Decision

The same inputs and the same versions of campaigns give the same decision under the same `engine`, bit for bit.
"""

from typing import Any, Final, Literal

import msgspec

from push.model.campaigns import Cap, TriggerKind
from push.model.delivery import Basis
from push.model.people import Purpose

ENGINE: Final = 1
"""Version of the way decisions are made: another answer to the same inputs takes a new one."""

Verdict = Literal[
    "chosen", "outvalued", "not live", "stopped", "consent", "schedule", "audience", "bought", "owned", "redeemed",
    "disliked", "snoozed", "stale", "no channel", "cap", "budget", "quiet", "later", "holdout", "worthless", "template",
    "stock", "coupon",
]  # fmt: skip
"""What became of one campaign at one decision."""


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to somebody that campaigns may answer: a moment of presence, an event, a time that came.

    `store` is "" where she is in none, `visit` likewise. `heard_ms` and `received_ms` are a moment's, else `at_ms`.
    `campaigns` are the only ones that may answer (a wait that is over, a step); None: whichever fit. `name` is an
    event's, with its `properties`.
    """

    id: str
    kind: TriggerKind
    shopper: str
    store: str = ""
    zone: str | None = None
    visit: str = ""
    mark_s: int = 0
    at_ms: int
    heard_ms: int
    received_ms: int
    name: str = ""
    feed: str = ""
    segment: str = ""
    fixture: str = ""
    properties: dict[str, Any] = {}
    campaigns: tuple[str, ...] | None = None
    step: int = 0
    """Which step of a journey it is: 0 the beginning."""
    waited: bool = False
    """Whether the campaign's own wait is over."""
    came: tuple[str, ...] = ()
    """Campaigns that waited for this visit of hers, and take part in what is decided as she comes in."""
    since_ms: int = 0
    """When what it began with happened; 0: at `at_ms`."""
    origin: str = ""
    """What it follows from: the statement of an event, the message before a step."""


class Touch(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A message that was sent to her, or is about to be: what caps count, and what tires her.

    `is_here` is whether it belongs to her present visit; `outcome` what she did of it so far.
    """

    campaign: str
    tags: tuple[str, ...]
    channel: str
    store: str
    is_here: bool
    at_ms: int
    outcome: Literal["sent", "shown", "opened", "dismissed", "less"] = "sent"


class Bought(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """When she last bought a product, and what it is."""

    product: str
    category: tuple[str, ...] = ()
    brand: str = ""
    at_ms: int


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision knows of somebody, read in the transaction that writes it.

    `facts` are what candidates' audiences read, where she may be profiled: `is_known` says whether she may. `channels`
    are those that lead to her and that she agreed to, best first; `answers` how many messages were handed over on each,
    and opened. `redeemed` and `disliked` are campaigns. `who` is the same for all facets of hers: draws go by it.
    """

    who: str
    granted: frozenset[Purpose]
    channels: tuple[str, ...]
    facts: dict[str, Any] = {}
    is_known: bool = False
    snoozed_until_ms: int = 0
    touches: tuple[Touch, ...] = ()
    bought: tuple[Bought, ...] = ()
    redeemed: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    answers: dict[str, tuple[int, int]] = {}
    time_zone: str = ""
    """Hers where it is known; "" goes by the store's."""
    locale: str = ""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision knows of the place: its clock, whether it is open, what is stopped.

    `is_open` is None where its hours are not known, `is_holiday` goes by its calendar. `stopped` are scopes that were
    silenced: "all", "store:ID", "campaign:ID".
    """

    time_zone: str
    is_open: bool | None = None
    is_holiday: bool = False
    is_checkout: bool = False
    """Whether she stands at the tills."""
    is_fresh: bool = True
    """Whether the evidence is recent enough to trigger."""
    stopped: frozenset[str] = frozenset()
    facts: dict[str, Any] = {}
    """What feeds say (`feed.weather.rain`), and how many are in the store (`place.occupancy`)."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all campaigns: `push.campaigns.settings` says what each means."""

    pushes_per_visit: int = 1
    caps: tuple[Cap, ...] = ()
    quiet: tuple[str, str] | None = ("21:00", "08:00")
    evening: str = "18:00"
    holdout: float = 0.0
    fatigue: float = 0.05
    """What a message that was sent just now and ignored takes off the expected value of the next."""
    fatigue_half_days: float = 7.0
    disliked_days: int = 90


class Failed(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A campaign that was chosen and could not be said: its budget was gone, its product, its coupon, its text."""

    campaign: str
    verdict: Verdict
    why: str


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a decision rests on. `candidates` are campaigns and their versions, by id.

    `left_out` is how many more there were at this place than one decision considers. `inside` are those whose audience
    she is in, where the facts that say so are too large to be kept; None: ask the facts.
    """

    engine: int = ENGINE
    occasion: Occasion
    person: Person
    around: Surroundings
    policy: Policy
    candidates: tuple[tuple[str, int], ...]
    failed: tuple[Failed, ...] = ()
    left_out: int = 0
    inside: tuple[str, ...] | None = None
    now_ms: int


class Considered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One campaign at one moment: what became of it, and the fact that settled it. `net` is its value less fatigue."""

    campaign: str
    version: int
    verdict: Verdict
    why: str
    net: float | None = None


class Later(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A campaign that is to be asked again: at a time, at the tills of this store, or when she comes next."""

    campaign: str
    due_ms: int | None
    on: Literal["", "checkout", "next_visit"] = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen, and for every campaign that was not, why not.

    `variant` says which option fills each slot of the chosen one, drawn with probability `propensity` (1 without
    slots). `eligible` are the campaigns that reached the holdout, held out or not; `held_out` those that would have
    spoken and must not. `later` are to be asked again.
    """

    id: str
    moment: str
    shopper: str
    store: str
    campaign: str | None
    considered: tuple[Considered, ...]
    decided_ms: int
    variant: dict[str, str] = {}
    propensity: float = 1.0
    eligible: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    later: tuple[Later, ...] = ()
    basis: Basis = "marketing"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is kept: what it rested on (None: of old ones), and what it was."""

    decision: Decision
    inputs: Inputs | None
