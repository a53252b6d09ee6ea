"""One occasion, one decision: which campaign answers it, and why each of the others does not. Pure.

stopped ▶ consent ▶ wait ▶ schedule ▶ audience ▶ suppression ▶ caps ▶ quiet hours ▶ receptivity ▶ holdout ▶ worth

What stands further left settles it. The same inputs and campaigns give the same decision, however often it is asked.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from push.campaigns import draws, worth
from push.campaigns.book import Like, Ready
from push.campaigns.caps import Over, Tally, over_any
from push.campaigns.draws import Variant, variant
from push.campaigns.timing import Now, local, next_clock_ms, quiet_until_ms
from push.model.campaigns import Cap
from push.model.decisions import Bought, Considered, Decision, Inputs, Later, Verdict
from push.model.ids import derived
from push.registry.clocks import Zones

DAY_MS: Final = 86_400_000
_ROUND: Final = 6
NOTHING_DRAWN: Final = Variant({}, 1.0)


class Objection(NamedTuple):
    """What speaks against a campaign, in a sentence, and when to ask again, where it should be."""

    verdict: Verdict
    why: str
    later: Later | None = None


class _Way(NamedTuple):
    """What holds alike of all campaigns of one basis, channels and needs: what speaks against them, what they cost.

    `is_full` is whether a cap is full that counts all messages, those of the channel, or those of the store.
    """

    objection: Objection | None
    channel: str
    likely: float
    tired: float
    is_full: bool


_Open = tuple[int, float, str, Ready, _Way]
"""A campaign that nothing speaks against, as it is ranked: its priority and what saying it is worth, both negative, for
the best comes first; its id, itself, its way. A plain tuple, because there may be hundreds."""


def decide(inputs: Inputs, candidates: Sequence[Ready], zones: Zones) -> Decision:
    """The decision; `candidates` are the campaigns that `inputs.candidates` names, in that order.

    The zones that `inputs` names must be at hand in `zones`.
    """
    asking = _Asking(inputs, zones)
    open_: list[_Open] = []
    considered: list[Considered] = []
    eligible: list[str] = []
    later: list[Later] = []
    for ready in candidates:
        way = asking.way(ready)
        objection = asking.objection(ready, way)
        if objection is None:
            eligible.append(ready.id)
            objection = asking.last(ready)
        if objection is None:
            open_.append(asking.open(ready, way))
            continue
        considered.append(Considered(campaign=ready.id, version=ready.version, verdict=objection[0], why=objection[1]))
        if objection.later is not None:
            later.append(objection.later)
    chosen, beaten = _best(open_)
    drawn = NOTHING_DRAWN if chosen is None else variant(chosen.id, chosen.campaign.slots, inputs.person.who)
    return Decision(
        id=derived("dec", inputs.occasion.id),
        moment=inputs.occasion.id,
        shopper=inputs.occasion.shopper,
        store=inputs.occasion.store,
        campaign=None if chosen is None else chosen.campaign.id,
        considered=tuple(considered + beaten),
        decided_ms=inputs.now_ms,
        eligible=tuple(eligible),
        held_out=tuple(each.campaign for each in considered if each.verdict == "holdout"),
        later=tuple(later),
        basis="marketing" if chosen is None else chosen.campaign.basis,
        variant=drawn.options,
        propensity=drawn.propensity,
    )


def _best(open_: list[_Open]) -> tuple[Ready | None, list[Considered]]:
    """The one that is said, and what is told of all that nothing spoke against."""
    open_.sort()
    chosen = next((ready for _, against, _, ready, _ in open_ if against < 0), None)
    after = "" if chosen is None else f"{chosen.id} comes first: its priority is higher, or it is worth more"
    return chosen, [_ranked(each, chosen, after) for each in open_]


def _ranked(each: _Open, chosen: Ready | None, after: str) -> Considered:
    _, against, name, ready, way = each
    net = -against
    verdict: Verdict = "chosen" if ready is chosen else "worthless" if net <= 0 else "outvalued"
    why = after if verdict == "outvalued" else _worth(ready, way, net)
    return Considered(campaign=name, version=ready.version, verdict=verdict, why=why, net=net)


def _worth(ready: Ready, way: _Way, net: float) -> str:
    """What saying it is worth, in words."""
    return f"worth {ready.value:g}, opened with {way.likely:.2f}, less {way.tired:.3f} of patience: {net:.3f}"


class _Purchases:
    """What she bought: by product, and the latest by brand and by every category that it is in."""

    def __init__(self, bought: Sequence[Bought]) -> None:
        self.products = {each.product: each for each in bought}
        self.likes: dict[Like, Bought] = {}
        for each in sorted(bought, key=lambda one: (one.at_ms, one.product)):
            self.likes[each.brand.casefold()] = each
            for n in range(1, len(each.category) + 1):
                self.likes[each.category[:n]] = each


class _Asking:
    """What is asked of every candidate of one decision: what holds for all of them is worked out once."""

    def __init__(self, inputs: Inputs, zones: Zones) -> None:
        self._in = inputs
        self._person, self._around, self._policy = inputs.person, inputs.around, inputs.policy
        self._store_zone = zones.named(inputs.around.time_zone)
        self._zone = zones.named(inputs.person.time_zone or inputs.around.time_zone)
        self._facts = {**inputs.person.facts, **inputs.around.facts}
        self._purchases = _Purchases(inputs.person.bought)
        around, now_ms = inputs.around, inputs.now_ms
        clocks = local(self._store_zone, now_ms), local(self._zone, now_ms)
        self._now = Now(now_ms, *clocks, around.is_open, around.is_holiday)
        self._ways: dict[object, _Way] = {}
        self._whom: dict[bytes, Objection | None] = {}
        self._inside = inputs.inside
        self._tally = Tally(inputs.person.touches, self._zone, inputs.now_ms)
        self._stops = around.stopped
        self._stopped = self._silenced()
        self._failed = {each.campaign: Objection(each.verdict, each.why) for each in inputs.failed}
        self._fatigue = worth.fatigue(inputs.person.touches, inputs.policy, inputs.now_ms)
        self._quiet_ms = quiet_until_ms(inputs.policy.quiet, self._zone, inputs.now_ms)
        self._held_out = draws.is_held_out("all", inputs.policy.holdout, inputs.person.who)
        caps = Cap(of="all", most=inputs.policy.pushes_per_visit, within="visit"), *inputs.policy.caps
        self._caps = tuple(cap for cap in caps if cap.most <= self._tally.total)
        self._by_name = any(cap.of in {"campaign", "tag"} for cap in self._caps)
        self._came = frozenset(inputs.occasion.came)
        self._said = frozenset(inputs.person.redeemed) | frozenset(inputs.person.disliked)

    def objection(self, ready: Ready, way: _Way) -> Objection | None:
        """What speaks against a campaign before any draw."""
        if self._stopped or not self._stops.isdisjoint(ready.stops):
            return Objection("stopped", "somebody stopped it")
        if not ready.campaign.live:
            return Objection("not live", "the campaign is not live")
        # Judges without an opinion are not even called: of two hundred candidates that is half of the time.
        return (
            way.objection
            or (self._waits(ready) if ready.waits else None)
            or self._timely(ready)
            or (self._belongs(ready) if ready.is_for_some else None)
            or (self._suppressed(ready) if ready.is_about or ready.id in self._said else None)
            or (self._capped(ready, way) if way.is_full or self._counts(ready) else None)
            or (self._receptive(ready) if ready.is_later or self._quiet_ms is not None else None)
        )

    def last(self, ready: Ready) -> Objection | None:
        """Whether somebody is kept from it to compare, and what kept it from being said when it was chosen."""
        if self._held_out or (ready.holdout and ready.kept_from(self._person.who) < ready.holdout):
            scope = "everything" if self._held_out else "it"
            return Objection(
                "holdout", f"she is among those who get nothing of {scope}, so that its effect can be told"
            )
        return self._failed.get(ready.id)

    def open(self, ready: Ready, way: _Way) -> _Open:
        """A campaign that nothing speaks against, with what saying it is worth."""
        return ready.rank, -round(ready.value * way.likely - way.tired, _ROUND), ready.id, ready, way

    def way(self, ready: Ready) -> _Way:
        """What holds of a campaign as of all like it."""
        return self._ways.get(ready.way) or self._new_way(ready)

    # ----------------------------------------------------------------------------------------- what many have alike

    def _new_way(self, ready: Ready) -> _Way:
        channel = self._channel(ready)
        likely = worth.likely(self._person.answers.get(channel, (0, 0)))
        is_owed = ready.campaign.basis == "service"
        alike = () if is_owed else tuple(cap for cap in self._caps if cap.of not in {"campaign", "tag"})
        found = _Way(
            objection=self._agreed(ready, channel),
            channel=channel,
            likely=likely,
            tired=0.0 if is_owed else self._fatigue,
            is_full=self._full(alike, ready, channel) is not None,
        )
        self._ways[ready.way] = found
        return found

    def _channel(self, ready: Ready) -> str:
        """The first channel that it may use and that leads to her; "" where none does."""
        allowed = () if self._in.occasion.kind == "asked" else ready.campaign.channels
        mine = self._person.channels
        return next((channel for channel in allowed or mine if channel in mine), "")

    # ------------------------------------------------------------------------------------------------ one by one

    def _silenced(self) -> bool:
        return not self._stops.isdisjoint({"all", f"store:{self._in.occasion.store}"})

    def _agreed(self, ready: Ready, channel: str) -> Objection | None:
        missing = ready.needs - self._person.granted
        if missing:
            return Objection("consent", f"not granted: {', '.join(sorted(missing))}")
        if self._in.now_ms < self._person.snoozed_until_ms and ready.campaign.basis == "marketing":
            return Objection("snoozed", "she asked for no offers for now")
        if not self._around.is_fresh:
            return Objection("stale", "the evidence is older than what may trigger")
        if not channel:
            return Objection("no channel", "no device can be reached on a channel that she granted")
        return None

    def _waits(self, ready: Ready) -> Objection | None:
        wait_s = ready.campaign.trigger.wait_s
        if self._has_waited(ready):
            return None
        due_ms = self._in.now_ms + 1000 * wait_s
        return Objection("later", f"it waits for {wait_s} s first", Later(campaign=ready.id, due_ms=due_ms))

    def _has_waited(self, ready: Ready) -> bool:
        return self._in.occasion.waited or ready.id in self._came

    def _timely(self, ready: Ready) -> Objection | None:
        why = ready.timely(self._now)
        return None if why is None else Objection("schedule", why)

    def _belongs(self, ready: Ready) -> Objection | None:
        """Whether she is in its audience: where facts say so, asked once for all campaigns of the same one."""
        if self._inside is not None:
            return self._outside(ready)
        whom = ready.whom
        if whom not in self._whom:
            self._whom[whom] = self._outside(ready)
        return self._whom[whom]

    def _outside(self, ready: Ready) -> Objection | None:
        if ready.check is None:
            return Objection("audience", ready.problem)
        if ready.reads and not self._person.is_known and any(not name.startswith(PUBLIC) for name in ready.reads):
            return Objection("consent", "its audience is chosen by who she is, and she did not agree to be profiled")
        is_inside = ready.check(self._facts, self._in.now_ms) if self._inside is None else ready.id in self._inside
        return None if is_inside else Objection("audience", "she is not in its audience")

    def _suppressed(self, ready: Ready) -> Objection | None:
        person, name = self._person, ready.id
        if name in person.redeemed:
            return Objection("redeemed", "she used this offer already")
        if name in person.disliked:
            return Objection("disliked", "she said that she wants less of this")
        return self._bought(ready) if ready.is_about else None

    def _bought(self, ready: Ready) -> Objection | None:
        purchases = self._purchases
        for name in ready.products:
            if name in purchases.products:
                return Objection("owned", f"she has {name} already")
        days = ready.campaign.about.bought_days
        for like in ready.likes:
            last = purchases.likes.get(like)
            if last is not None and last.at_ms > self._in.now_ms - days * DAY_MS:
                return Objection("bought", f"she bought its like, {last.product}, within {days} days")
        return None

    def _counts(self, ready: Ready) -> bool:
        """Whether any cap of its own, or of a campaign or tag, may be full."""
        names = ready.counts
        return self._by_name or names is None or not names.isdisjoint(self._tally.names)

    def _capped(self, ready: Ready, way: _Way) -> Objection | None:
        campaign = ready.campaign
        caps = (*self._caps, *campaign.caps) if campaign.basis == "marketing" else campaign.caps
        full = self._full(caps, ready, way.channel)
        return None if full is None else self._deferred(ready, Objection("cap", full.why), full.free_ms)

    def _full(self, caps: Sequence[Cap], ready: Ready, channel: str) -> Over | None:
        store, tags = self._in.occasion.store, ready.campaign.tags
        return over_any(caps, self._tally, campaign=ready.id, channel=channel, store=store, tags=tags)

    def _deferred(self, ready: Ready, full: Objection, free_ms: int | None) -> Objection:
        """What a full cap or a quiet hour means for a campaign: nothing, or later where that is known."""
        if ready.campaign.otherwise == "drop" or free_ms is None:
            return full
        return Objection(full.verdict, f"{full.why}; it is asked again then", Later(campaign=ready.id, due_ms=free_ms))

    def _receptive(self, ready: Ready) -> Objection | None:
        campaign = ready.campaign
        if campaign.is_quiet and self._quiet_ms is not None:
            return self._deferred(ready, Objection("quiet", "it is a quiet hour for her"), self._quiet_ms)
        if campaign.when == "now" or self._has_waited(ready):
            return None
        if campaign.when == "checkout" and not self._around.is_checkout:
            return Objection("later", "it is told at the tills", Later(campaign=ready.id, due_ms=None, on="checkout"))
        if campaign.when == "next_visit":
            on_next = Later(campaign=ready.id, due_ms=None, on="next_visit")
            return Objection("later", "it is told when she comes next", on_next)
        if campaign.when == "evening":
            due_ms = next_clock_ms(self._policy.evening, self._zone, self._in.now_ms)
            return Objection("later", "it is told in the evening", Later(campaign=ready.id, due_ms=due_ms))
        return None


PUBLIC: Final = ("feed.", "place.", "consent.")
"""How facts begin that are not of her, or that she said to be known by."""
