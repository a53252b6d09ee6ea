"""Campaigns: what to say, to whom, when, how often, and by which rules one of several is chosen."""

from typing import Annotated, Any, Literal

import msgspec

from beacons.registry import Name
from beacons.topics import Id
from push.model.delivery import Basis, ChannelName, Urgency
from push.model.people import Locale, Purpose
from push.model.presence import MomentKind

OtherKind = Literal[
    "approached", "event", "purchase", "segment_entered", "segment_left", "silent", "basket", "birthday", "scheduled",
    "feed", "asked",
]  # fmt: skip
"""What campaigns answer beside moments of presence; `asked`: a website, kiosk or till asks what to show."""
TriggerKind = MomentKind | OtherKind
Text = Annotated[str, msgspec.Meta(max_length=200)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
"""A time of day, "09:30"."""
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""UTC, to the end of the year 9999, where calendars end."""
Share = Annotated[float, msgspec.Meta(ge=0, le=0.9)]
Within = Literal["visit", "day", "week", "month", "ever"]
"""A calendar window in the person's own zone (weeks begin on Monday), a visit, or all time."""
CampaignState = Literal["draft", "review", "live", "paused", "ended"]
Tag = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$(?!\n)")]
When = Literal["now", "checkout", "next_visit", "evening"]
"""When she is told: at once, at the tills, when she comes next, or in the evening."""
Otherwise = Literal["drop", "defer"]


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A base for the parts of a campaign: unknown fields are refused, so that a misspelled one is noticed."""


class Where(Value, frozen=True, kw_only=True):
    """A property of an event compares with a value, as `push.model.rules.tree.Where`."""

    property: Text
    op: Text
    value: Any = None


class Trigger(Value, frozen=True, kw_only=True):
    """What a campaign answers; an empty `stores`, `zones` or `fixtures` means any.

    `mark_s` is of "dwelled"; `event` names the event of "event", and what happened of "feed" (half-time), whose feed is
    `feed`; `where` is of events' properties; `segment` of "segment_entered", "segment_left", and whom "feed" and
    "scheduled" speak to; "silent": nothing of hers for `days`; "basket": left behind for `minutes`; "birthday": by
    `trait`, at the time `at`; "scheduled": at `at` on days that the schedule allows. After it, a campaign waits for
    `wait_s`, and does not answer where one of the events `unless` happened meanwhile.
    """

    kind: TriggerKind
    stores: tuple[Id, ...] = ()
    zones: tuple[Id, ...] = ()
    fixtures: tuple[Id, ...] = ()
    mark_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0
    event: Text = ""
    where: Annotated[tuple[Where, ...], msgspec.Meta(max_length=10)] = ()
    feed: Text = ""
    segment: Id | None = None
    days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 0
    minutes: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    trait: Text = "birthday"
    at: Clock = "10:00"
    wait_s: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)] = 0
    unless: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10)] = ()


class Template(Value, frozen=True, kw_only=True):
    """Liquid text. It sees `shopper` (her traits), `store`, `zone`, `moment`, `slots`, `product`, `coupon`."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    body: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    url: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    image: Annotated[str, msgspec.Meta(max_length=2000)] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that it says."""
        return tuple(text for text in (self.title, self.body, self.url, self.image) if text)

    @property
    def speaks_of_her(self) -> bool:
        """Whether it may say anything about the shopper: only then her traits are read at all."""
        return any("shopper" in text for text in self.texts)


class Wording(Value, frozen=True, kw_only=True):
    """What is said on one channel, in one language, or both; the closest that fits wins over the campaign's own."""

    channel: ChannelName | None = None
    locale: Locale | None = None
    template: Template


class Option(Value, frozen=True, kw_only=True):
    """One of a slot's pieces: a text (by locale, "" for all others), perhaps with a product or a pool of coupons."""

    id: Id
    text: Annotated[str, msgspec.Meta(max_length=500)] = ""
    texts: Annotated[dict[Locale, Annotated[str, msgspec.Meta(max_length=500)]], msgspec.Meta(max_length=40)] = {}
    product: Id | None = None
    coupon: Id | None = None
    weight: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0


class Slot(Value, frozen=True, kw_only=True):
    """A place in the text, `{{ slots.name }}`, filled by one of its options. Slots vary independently of each other."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
    options: Annotated[tuple[Option, ...], msgspec.Meta(min_length=1, max_length=100)]


class Pick(Value, frozen=True, kw_only=True):
    """Which product is offered, `{{ product.name }}`: the best of those there are.

    Among "list": `of` are products, the first the best; "category" and "brand": `of` are their names; "likes": of the
    categories that she likes best; "basket", "wishes": what lies in hers. Best first by list, then by lowest price.
    """

    among: Literal["list", "category", "brand", "likes", "basket", "wishes"]
    of: Annotated[tuple[Text, ...], msgspec.Meta(max_length=500)] = ()
    in_stock: bool = True
    """Only what her store has (any store, where she is in none)."""
    not_owned: bool = True


class Schedule(Value, frozen=True, kw_only=True):
    """When a campaign may speak: between two times, on weekdays (0 Monday), in parts of the day, while a store is open.

    A part of the day that ends before it begins goes on after midnight. Clocks are the store's, or the person's own.
    """

    from_ms: TimeMs | None = None
    until_ms: TimeMs | None = None
    weekdays: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...], msgspec.Meta(max_length=7)] = ()
    dayparts: Annotated[tuple[tuple[Clock, Clock], ...], msgspec.Meta(max_length=24)] = ()
    while_open: bool = False
    holidays: Literal["also", "never", "only"] = "also"
    zone: Literal["store", "person"] = "store"


class Cap(Value, frozen=True, kw_only=True):
    """At most so many messages to one person: of everything, of this campaign, of a tag, on a channel, in one store.

    Counted `within` a calendar window of hers, or over the last `hours`, whichever is given.
    """

    of: Literal["all", "campaign", "tag", "channel", "store"] = "all"
    tag: Tag | None = None
    channel: ChannelName | None = None
    most: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    within: Within | None = None
    hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 366)] | None = None


class Budget(Value, frozen=True, kw_only=True):
    """At most so many messages to everybody: of a campaign, in one store, in the chain; windows are UTC's."""

    of: Literal["campaign", "store", "chain"] = "campaign"
    most: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    within: Literal["hour", "day", "month", "ever"] = "ever"


class About(Value, frozen=True, kw_only=True):
    """What an offer is about: who bought that within `bought_days`, or owns it, is not offered it."""

    products: Annotated[tuple[Id, ...], msgspec.Meta(max_length=100)] = ()
    categories: Annotated[tuple[Text, ...], msgspec.Meta(max_length=50)] = ()
    brands: Annotated[tuple[Text, ...], msgspec.Meta(max_length=50)] = ()
    bought_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 30


class Step(Value, frozen=True, kw_only=True):
    """What follows where the message was not shown (opened, clicked) after a time: by another way or text."""

    after_s: Annotated[int, msgspec.Meta(ge=60, le=60 * 86_400)]
    unless: Literal["shown", "opened", "clicked", "redeemed"] = "opened"
    channel: ChannelName | None = None
    template: Template | None = None
    at_good_time: bool = False
    """At the hour in which she opens most, instead of at once."""


class Campaign(Value, frozen=True, kw_only=True):
    """What to say at a moment. Among several, `priority` decides, then the expected value less a price of fatigue.

    `audience` is a rule as `push.model.rules.parse` reads it. The offer makes no sense after `lifetime_s`. `holdout` is
    the share of people who get nothing of it, so that its effect can be told.
    """

    id: Id
    name: Name
    trigger: Trigger
    template: Template
    wordings: Annotated[tuple[Wording, ...], msgspec.Meta(max_length=100)] = ()
    slots: Annotated[tuple[Slot, ...], msgspec.Meta(max_length=8)] = ()
    pick: Pick | None = None
    coupon: Id | None = None
    """The pool that `{{ coupon.code }}` is of."""
    live: bool = True
    audience: Any = None
    schedule: Schedule = Schedule()
    when: When = "now"
    otherwise: Otherwise = "drop"
    """What becomes of it at a quiet hour, or where a cap is reached: nothing, or later."""
    is_quiet: bool = True
    """Whether it keeps quiet in quiet hours; what she is owed need not."""
    about: About = About()
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=20)] = ()
    caps: Annotated[tuple[Cap, ...], msgspec.Meta(max_length=20)] = ()
    budgets: Annotated[tuple[Budget, ...], msgspec.Meta(max_length=10)] = ()
    lifetime_s: Annotated[int, msgspec.Meta(ge=5, le=86_400 * 30)] = 600
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    value: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1.0
    holdout: Share = 0.0
    urgency: Urgency = "high"
    channels: Annotated[tuple[ChannelName, ...], msgspec.Meta(max_length=8)] = ()
    """Those it may use, best first; without any, all that reach her."""
    basis: Basis = "marketing"
    needs: tuple[Purpose, ...] = ()
    """What she has to have granted beside what every offer needs (`push.campaigns.book.needs_of`)."""
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=10)] = ()
