"""Which ways lead to a person, and in which order a message tries them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from push.model.delivery import Basis, ChannelName, Route
from push.model.people import Purpose
from push.model.ports import Row
from push.profiles.consent import Standing

ORDER: Final = ("inapp", "webpush", "fcm", "apns", "screen", "webhook", "email")
"""Best first where nobody says otherwise: what is seen at once and costs nothing, before what waits in a mailbox."""
_OPEN_APPS: Final = frozenset({"web", "android", "ios", "sim"})
"""Platforms whose apps hold an event stream open: they need no address."""
_DOUBT: Final = 4
"""How many messages it takes until a person's own record counts as much as everybody's guess of one in four."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a message chooses its channels.

    `channels` are the ones to use, best first; without any, all that reach her. ``first`` takes the first that can
    reach her; ``answers`` the one on which she opens most. With `fall_back_s` the next channel is tried where the
    message was not shown by then.
    """

    channels: Annotated[tuple[ChannelName, ...], msgspec.Meta(max_length=8)] = ()
    choose: Literal["first", "answers"] = "first"
    fall_back_s: Annotated[int, msgspec.Meta(ge=10, le=7 * 86_400)] | None = None


FIRST: Final = Policy()


class Plan(msgspec.Struct, frozen=True):
    """The ways to try in turn; `later` those to try where nothing was shown within `fall_back_s`, step by step.

    Senders wait for `hold_ms`.
    """

    routes: tuple[Route, ...]
    later: tuple[tuple[Route, ...], ...] = ()
    fall_back_s: int = 0
    hold_ms: int = 0

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that are tried, each once, in order."""
        return tuple(dict.fromkeys(route.channel for route in self.routes))


def reach(rows: Sequence[Row]) -> list[Route]:
    """Every way to a shopper; rows of ``deliver.reach``, the device seen last first, what is suppressed left out.

    A screen in her store is one, whichever device it is written under: she stands before it herself. `log` is one for
    whoever asks for it by name.
    """
    found: dict[Route, None] = {}
    for row in rows:
        if row["platform"] in _OPEN_APPS:
            found[Route(row["device"], "inapp")] = None
        if row["channel"] is not None and row["suppressed"] is None:
            found[Route(row["device"], row["channel"], row["app"], row["service"])] = None
    screen = [Route(row["device"], "screen") for row in rows[:1] if any(each["by_screen"] for each in rows)]
    return [*found, *screen, *(Route(row["device"], "log") for row in rows[:1])]


class Wish(msgspec.Struct, frozen=True):
    """On what basis a message is sent, and how it chooses its channels.

    `answers` says for each channel how many messages were handed over, and how many of those she opened.
    """

    basis: Basis = "marketing"
    policy: Policy = FIRST
    answers: Mapping[str, tuple[int, int]] = {}
    needs: tuple[Purpose, ...] = ()
    """Purposes that she has to have granted, whichever way it goes."""


def plan(ways: Sequence[Route], standing: Standing, wish: Wish, now_ms: int) -> Plan | None:
    """The order in which `ways` are tried; None where there is none that she agreed to."""
    policy = wish.policy
    agreed = [way for way in ways if standing.objection(wish.basis, way.channel, now_ms, wish.needs) is None]
    order = policy.channels or ORDER
    if policy.choose == "answers":
        order = tuple(sorted(order, key=lambda channel: -_likely(*wish.answers.get(channel, (0, 0)))))
    steps = [step for channel in order if (step := tuple(way for way in agreed if way.channel == channel))]
    if not steps:
        return None
    if policy.fall_back_s is None:
        return Plan(tuple(way for step in steps for way in step))
    return Plan(steps[0], tuple(steps[1:]), policy.fall_back_s)


def _likely(handed_over: int, opened: int) -> float:
    """How likely she is to open the next: her record, and until there is one, one in four."""
    return (opened + 1) / (handed_over + _DOUBT)


def answered(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Rows of ``sending.answers`` as `plan` takes them."""
    return {row["channel"]: (int(row["handed_over"]), int(row["opened"])) for row in rows}
