"""Gates: how many deliveries may be on their way through one service at once, and whether any may. Pure.

Each service (a channel, an app's credential, and whose servers stand behind it) has one. It opens wider while answers
come quickly (additive increase), and narrows when the service is busy or slow (multiplicative decrease). After failures
in a row it closes for a while that doubles each time, and then lets one through to see (a circuit breaker). What a
service asks for (Retry-After) it gets.
"""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from push.model.delivery import Lane

Outcome = Literal["good", "busy", "down", "refused", "idle"]
"""Of one delivery: answered, whatever it said about the message; too much for the service; no proper answer; not us.

"idle" is one that was let in and did not go.
"""

SHARES: Final[dict[int, float]] = {Lane.MOMENT: 1.0, Lane.SERVICE: 0.875, Lane.BULK: 0.75}
"""How much of a gate a lane may fill: there is always room for what somebody in a store is about to see."""
FIRST_WIDTH: Final = 16.0
NARROWER: Final = 0.5
SLOWER: Final = 0.8
SLOW_FACTOR: Final = 4.0
"""An answer that takes this many times the usual shortest time tells of a queue over there."""
SLOW_MS: Final = 200
"""And below this nothing is slow: it is the network's own unevenness."""
ON_TRIAL_MS: Final = 250
"""How soon who has other ways asks again where one is let through to see, and none of the others works."""
FORGET: Final = 0.995
"""The usual shortest time creeps up by this much for each answer, so that a route that got longer is learned."""


class Answer(NamedTuple):
    """How one came back: what the service made of it, how long that took, what it asked for, and why."""

    outcome: Outcome
    took_ms: int = 0
    retry_after_ms: int | None = None
    reason: str = ""


class Reading(NamedTuple):
    """How a gate stands."""

    width: float
    inside: int
    is_open: bool


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How wide a gate may open, and how a closed one behaves."""

    widest: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 128
    failures: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    """Failures in a row that close it."""
    closed_ms: Annotated[int, msgspec.Meta(ge=10, le=600_000)] = 1000
    longest_closed_ms: Annotated[int, msgspec.Meta(ge=10, le=3_600_000)] = 60_000


class Gate:
    """One service's gate. All times are in ms, `luck` is uniform in [0, 1)."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self.width = min(FIRST_WIDTH, float(settings.widest))
        self.inside = 0
        self.closed_until_ms = 0
        self.reason: str | None = None
        """Why it is closed, or was last found in trouble; None while all is well."""
        self._failures = 0
        self._closings = 0
        self._quickest_ms = 0.0
        self._narrowed_ms = 0

    def is_open(self, now_ms: int) -> bool:
        """Whether it is not closed; one that closed because of failures lets one through at a time at first."""
        return now_ms >= self.closed_until_ms

    def is_well(self, now_ms: int) -> bool:
        """Whether it is open, and not just to see if the service is back."""
        return self.is_open(now_ms) and not self._closings

    def room(self, lane: int, now_ms: int) -> int:
        """How many more of a lane may enter."""
        if not self.is_open(now_ms):
            return 0
        if self._closings:
            return max(0, 1 - self.inside)
        return max(0, max(1, int(self.width * SHARES[lane])) - self.inside)

    def enter(self) -> None:
        """One goes in."""
        self.inside += 1

    def leave(self, answer: Answer, now_ms: int, luck: float) -> None:
        """One is back."""
        self.inside -= 1
        match answer.outcome:
            case "good":
                self._good(answer.took_ms, now_ms)
            case "busy":
                self.reason = answer.reason
                self._narrow(NARROWER, answer.took_ms, now_ms)
                self._closed_for(answer.retry_after_ms or 0, now_ms)
            case "down" | "refused":
                self._bad(answer, now_ms, luck)
            case "idle":
                pass

    def _good(self, took_ms: int, now_ms: int) -> None:
        self._failures = self._closings = 0
        self.reason = None
        self._quickest_ms = min(self._quickest_ms / FORGET or took_ms, took_ms)
        if took_ms > max(SLOW_MS, SLOW_FACTOR * self._quickest_ms):
            self._narrow(SLOWER, took_ms, now_ms)
        else:
            self.width = min(self.width + 1 / self.width, self._settings.widest)

    def _narrow(self, factor: float, took_ms: int, now_ms: int) -> None:
        """At most once in the time that an answer takes: all that are inside meet the same trouble."""
        if now_ms - took_ms >= self._narrowed_ms:
            self._narrowed_ms = now_ms
            self.width = max(1.0, self.width * factor)

    def _bad(self, answer: Answer, now_ms: int, luck: float) -> None:
        self._failures += 1
        if self._failures < self._settings.failures and answer.outcome != "refused" and not self._closings:
            return
        self.reason = answer.reason
        if self.is_open(now_ms):
            bound_ms = min(self._settings.closed_ms << min(self._closings, 20), self._settings.longest_closed_ms)
            self._closings += 1
            self._closed_for(max(answer.retry_after_ms or 0, int(bound_ms * (0.5 + luck / 2))), now_ms)

    def reopen(self) -> None:
        """What was held against the service is about a credential that is not used any more."""
        self.closed_until_ms = 0
        self.reason = None
        self._failures = self._closings = 0

    def _closed_for(self, wait_ms: int, now_ms: int) -> None:
        self.closed_until_ms = max(self.closed_until_ms, now_ms + min(wait_ms, self._settings.longest_closed_ms))


class Gates:
    """The gates by name, and how many are on their way in all. Ours alone has no service behind it, and no limit."""

    def __init__(self, settings: GateSettings, in_flight: int) -> None:
        self._settings = settings
        self._most = in_flight
        self._gates: dict[str, Gate] = {}
        self.inside = 0
        """Deliveries on their way, whichever way they go."""

    def gate(self, name: str) -> Gate:
        """The gate of that name."""
        found = self._gates.get(name)
        if found is None:
            found = self._gates[name] = Gate(self._settings)
        return found

    def room(self, name: str, lane: int, now_ms: int) -> int:
        """How many more of a lane may go through a gate."""
        return self.left(lane) if is_ours(name) else min(self.left(lane), self.gate(name).room(lane, now_ms))

    def room_beside(self, name: str, lane: int, now_ms: int) -> int:
        """The same for those who have other ways to take where this gate is closed, or being tried out."""
        return self.room(name, lane, now_ms) if self.is_well(name, now_ms) else self.left(lane)

    def left(self, lane: int) -> int:
        """How many more of a lane may be on their way in all."""
        return max(0, max(1, int(self._most * SHARES[lane])) - self.inside)

    def is_well(self, name: str, now_ms: int) -> bool:
        """Whether nothing is held against a gate: where it takes no more, it is full."""
        return is_ours(name) or self.gate(name).is_well(now_ms)

    def again_ms(self, name: str, now_ms: int) -> int:
        """When to ask again at a gate that let somebody not in: what became of a trial is known in a while."""
        return now_ms if self.is_well(name, now_ms) else max(self.opens_ms(name), now_ms + ON_TRIAL_MS)

    def opens_ms(self, name: str) -> int:
        """When a closed gate opens; 0 where nothing is known against it."""
        return 0 if is_ours(name) else self.gate(name).closed_until_ms

    def reopen(self, channel: str, app: str) -> None:
        """Forget what was held against an app of a channel: its credential is another one now."""
        for name, gate in self._gates.items():
            if name.startswith(f"{channel}/{app}/"):
                gate.reopen()

    def troubles(self, now_ms: int) -> dict[str, str]:
        """The gates that are closed, and why."""
        return {name: gate.reason or "" for name, gate in self._gates.items() if not gate.is_open(now_ms)}

    def widths(self) -> dict[str, float]:
        """How wide each gate is."""
        return {name: gate.width for name, gate in self._gates.items()}

    def readings(self, now_ms: int) -> dict[str, Reading]:
        """How each gate stands."""
        return {
            name: Reading(gate.width, gate.inside, is_open=gate.is_open(now_ms)) for name, gate in self._gates.items()
        }


def is_ours(name: str) -> bool:
    """Whether a gate leads to nobody else's server."""
    return name.partition("/")[0] in {"inapp", "log", "screen"}
