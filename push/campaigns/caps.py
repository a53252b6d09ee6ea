"""How often somebody is spoken to: caps, counted from the messages that she was sent.

A `Tally` sorts them once for each decision; every candidate's caps are then answered from it. The counts hold because a
decision reads the messages, and writes its own, while it holds the person (`push.profiles.consent`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

from push.campaigns.timing import Calendar, window_ends_ms, window_from_ms
from push.model.campaigns import Cap
from push.model.decisions import Touch

HOUR_MS: Final = 3_600_000
_LONGEST_MS: Final = {"visit": 0, "day": 25 * HOUR_MS, "week": 169 * HOUR_MS, "month": 745 * HOUR_MS}
_WHEN: Final = {
    "visit": "during this visit",
    "day": "today",
    "week": "this week",
    "month": "this month",
    "ever": "so far",
}
_WHAT: Final = {
    "all": "",
    "campaign": " of this campaign",
    "tag": " tagged {}",
    "channel": " by {}",
    "store": " in this store",
}
_NAMES: Final[Mapping[str, Callable[[Touch], Iterable[str]]]] = {
    "all": lambda _: ("",),
    "campaign": lambda touch: (touch.campaign,),
    "tag": lambda touch: dict.fromkeys(touch.tags),
    "channel": lambda touch: (touch.channel,),
    "store": lambda touch: (touch.store,),
}
_AT: Final = attrgetter("at_ms")


class Over(NamedTuple):
    """A cap without room: why, in words, and when there is room again, in UTC ms; None: no time is known."""

    why: str
    free_ms: int | None


class _Window(NamedTuple):
    """How many messages were in it, when there is room again, and what it is called."""

    used: int
    free_ms: int | None
    words: str


class Tally:
    """What one person was sent; `total` is how many messages. Its days, weeks and months are of `zone`, at `now_ms`."""

    def __init__(self, touches: Sequence[Touch], zone: tzinfo, now_ms: int) -> None:
        self.total = len(touches)
        self._touches = sorted(touches, key=_AT)
        self._zone = zone
        self._now_ms = now_ms
        self._kinds: dict[str, dict[str, list[Touch]]] = {}
        self._spans: dict[Calendar, tuple[int, int | None]] = {}
        self._looked: dict[tuple[object, ...], Over | None] = {}

    def over(self, cap: Cap, name: str) -> Over | None:
        """Whether a cap leaves no room for one more of `name`, which is of the kind that it counts.

        Candidates share the caps of a policy, and have many of their own that say the same: each is looked at once.
        """
        sent = (self._kinds.get(cap.of) or self._kind(cap.of)).get(name, ())
        if len(sent) < cap.most:
            return None
        key = cap.of, name, cap.most, cap.within, cap.hours
        if key not in self._looked:
            self._looked[key] = self._look(cap, name, sent)
        return self._looked[key]

    @cached_property
    def names(self) -> frozenset[str]:
        """The campaigns that she was sent anything of, and their tags."""
        return frozenset(self._kind("campaign")) | frozenset(self._kind("tag"))

    def _kind(self, of: str) -> dict[str, list[Touch]]:
        """Messages by name, oldest first, of one kind that caps count."""
        kind: dict[str, list[Touch]] = {}
        names = _NAMES[of]
        for touch in self._touches:
            for name in names(touch):
                kind.setdefault(name, []).append(touch)
        self._kinds[of] = kind
        return kind

    def _look(self, cap: Cap, name: str, sent: Sequence[Touch]) -> Over | None:
        """A cap that gives hours and a calendar's window holds in both."""
        windows = [] if cap.hours is None else [self._rolling(cap.hours, cap.most, sent)]
        if cap.within is not None or cap.hours is None:
            windows.append(self._calendar(cap, sent))
        full = [window for window in windows if window.used >= cap.most]
        if not full:
            return None
        return Over(_why(cap, name, full[0]), _later(full[0].free_ms, full[-1].free_ms) if cap.most else None)

    def _rolling(self, hours: int, most: int, sent: Sequence[Touch]) -> _Window:
        used = len(sent) - bisect_right(sent, self._now_ms - hours * HOUR_MS, key=_AT)
        free_ms = sent[-most].at_ms + hours * HOUR_MS if 0 < most <= used else None
        return _Window(used, free_ms, "in the last hour" if hours == 1 else f"in the last {hours} hours")

    def _calendar(self, cap: Cap, sent: Sequence[Touch]) -> _Window:
        within = cap.within or "ever"
        if within == "visit":
            return _Window(sum(touch.is_here for touch in sent), None, _WHEN[within])
        if within not in self._spans:
            at = within, self._zone, self._now_ms
            self._spans[within] = window_from_ms(*at), window_ends_ms(*at)
        from_ms, ends_ms = self._spans[within]
        return _Window(len(sent) - bisect_left(sent, from_ms, key=_AT), ends_ms, _WHEN[within])


def over(cap: Cap, tally: Tally, *, campaign: str, channel: str, store: str, tags: tuple[str, ...]) -> Over | None:  # noqa: PLR0913 - all that caps may be of
    """Whether a cap leaves no room for one more message of a campaign, on a channel, in a store ("": in none).

    A cap of a tag, of a channel or of stores says nothing of what has no such tag, goes another way, or is in none.
    """
    if tally.total < cap.most:
        return None
    name = _name(cap, campaign, channel, store, tags)
    return None if name is None else tally.over(cap, name)


def over_any(  # noqa: PLR0913 - all that caps may be of
    caps: Iterable[Cap], tally: Tally, *, campaign: str, channel: str, store: str, tags: tuple[str, ...]
) -> Over | None:
    """The first of some caps that leaves no room, with the time when all of them do."""
    first: Over | None = None
    total = tally.total
    for cap in caps:
        if total < cap.most:
            continue
        name = campaign if cap.of == "campaign" else _name(cap, campaign, channel, store, tags)
        if name is None:
            continue
        full = tally.over(cap, name)
        if full is not None:
            first = full if first is None else Over(first.why, _later(first.free_ms, full.free_ms))
    return first


def counted(caps: Sequence[Cap], campaign: str) -> frozenset[str] | None:
    """The names without which in `Tally.names` a campaign's own caps leave room; None: that goes by more than names."""
    if any(cap.most == 0 or cap.of not in {"campaign", "tag"} for cap in caps):
        return None
    return frozenset(campaign if cap.of == "campaign" else cap.tag or "" for cap in caps)


def furthest(caps: Iterable[Cap], reach_ms: int) -> int:
    """The highest number that a cap gives which looks back further than a time; 0 where none does."""
    return max((cap.most for cap in caps if _looks_back(cap, reach_ms)), default=0)


def _looks_back(cap: Cap, reach_ms: int) -> bool:
    """Whether a cap counts what is older than so long. Visits are counted whole."""
    if cap.hours is not None and cap.hours * HOUR_MS > reach_ms:
        return True
    return _LONGEST_MS.get(cap.within or ("visit" if cap.hours else "ever"), reach_ms + 1) > reach_ms


def _name(cap: Cap, campaign: str, channel: str, store: str, tags: tuple[str, ...]) -> str | None:
    """Which of its kind a cap counts for a message; None: it says nothing of it."""
    of = cap.of
    if of == "all":
        return ""
    if of == "campaign":
        return campaign
    if of == "tag":
        return cap.tag if cap.tag in tags else None
    if of == "store":
        return store or None
    return channel if cap.channel is None or cap.channel == channel else None


def _later(one_ms: int | None, other_ms: int | None) -> int | None:
    """The later of two times; None where one is not known."""
    return None if one_ms is None or other_ms is None else max(one_ms, other_ms)


def _why(cap: Cap, name: str, window: _Window) -> str:
    what = _WHAT[cap.of].format(name)
    if cap.most == 0:
        return f"no message{what} may be sent"
    sent = f"{window.used} message{'' if window.used == 1 else 's'}{what}"
    return f"she was sent {sent} {window.words}, and {cap.most} may be"
