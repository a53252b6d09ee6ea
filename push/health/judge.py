"""From what is bad in a minute to findings: held until it lasts, grouped under its cause, cleared once it is over.

Verdicts ─hold▶ lasting ─explain▶ standing ─▶ opened, changed, cleared
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from push.health.causes import explained
from push.health.settings import MINUTE_MS
from push.health.verdicts import Key, Lasting, Verdict
from push.model.health import Finding, Kind, Severity
from push.model.ids import derived


class Words(NamedTuple):
    """How a finding is told."""

    store: str | None
    severity: Severity
    evidence: Mapping[str, object]
    says: str
    next_step: str


class Changes(NamedTuple):
    """What a minute brought: findings that opened, that are told otherwise, and that are over."""

    opened: list[Finding]
    changed: list[Finding]
    cleared: list[Finding]


Describe = Callable[[Lasting], Words]
REFRESH_MS: Final = 15 * MINUTE_MS
"""Evidence of what stays wrong is written anew this often."""


class _Streak:
    """How long something has been bad, or fine again."""

    __slots__ = ("bad_ms", "fine_ms", "since_ms")

    def __init__(self, bad_ms: int, since_ms: int) -> None:
        self.bad_ms, self.since_ms = bad_ms, since_ms
        self.fine_ms: int | None = None


class Judge:
    """Remembers what is wrong. `standing` are the findings that are open, by kind and subject."""

    def __init__(self, standing: Iterable[Finding] = ()) -> None:
        self.standing: dict[Key, Finding] = {(f.kind, f.subject): f for f in standing}
        self._streaks: dict[Key, _Streak] = {
            key: _Streak(f.since_ms, f.since_ms) for key, f in self.standing.items() if f.subject_kind != "store"
        }
        self._refreshed_ms: dict[Key, int] = {}

    def suspects(self) -> frozenset[str]:
        """Whom nothing is learned from, and nobody's word is taken of: for whom anything is bad, if only lately."""
        return frozenset(subject for kind, subject in self._streaks if kind not in _HARMLESS)

    def step(
        self, verdicts: Sequence[Verdict], stores: Mapping[str, str | None], describe: Describe, now_ms: int
    ) -> Changes:
        """Take in a minute's verdicts. `stores` says where each gateway is."""
        for verdict in verdicts:
            self._forget_removed(verdict)
        lasting = [one for verdict in verdicts for one in self._lasting(verdict, now_ms)]
        causes, because = explained(lasting, stores)
        return self._compared([*lasting, *causes], because, describe, now_ms)

    def _forget_removed(self, verdict: Verdict) -> None:
        """Who is not registered any more has nothing wrong with it."""
        mine = [key for key in self._streaks if key[0] == verdict.kind]
        named = frozenset(verdict.subjects) if mine else frozenset()
        for key in mine:
            if key[1] not in named:
                del self._streaks[key]

    def _lasting(self, verdict: Verdict, now_ms: int) -> list[Lasting]:
        """What of a verdict lasts, or lasted until it was fine for long enough."""
        bad = {verdict.subjects[i]: int(verdict.since_ms[i]) for i in np.flatnonzero(verdict.bad).tolist()}
        for subject, since_ms in bad.items():
            key = (verdict.kind, subject)
            streak = self._streaks.setdefault(key, _Streak(now_ms, now_ms))
            streak.fine_ms = None
            if since_ms and key not in self.standing:
                streak.since_ms = since_ms
        return [
            Lasting(key[0], verdict.subject_kind, key[1], self._streaks[key].since_ms)
            for key in [key for key in self._streaks if key[0] == verdict.kind]
            if self._lasts(key, verdict, bad, now_ms)
        ]

    def _lasts(self, key: Key, verdict: Verdict, bad: Mapping[str, int], now_ms: int) -> bool:
        """Whether something is a finding; what is fine for long enough, or before it was one, is forgotten."""
        streak, is_open = self._streaks[key], key in self.standing
        if key[1] in bad:
            return is_open or now_ms - streak.bad_ms >= verdict.hold_min * MINUTE_MS
        if _is_unsure(verdict, key[1]):
            return is_open
        streak.fine_ms = now_ms if streak.fine_ms is None else streak.fine_ms
        if not is_open or now_ms - streak.fine_ms >= verdict.clear_min * MINUTE_MS:
            del self._streaks[key]
            return False
        return True

    def _compared(
        self, lasting: Sequence[Lasting], because: Mapping[Key, Key], describe: Describe, now_ms: int
    ) -> Changes:
        """What stands now beside what stood before."""
        changes = Changes([], [], [])
        before, self.standing = self.standing, {}
        for one in lasting:
            key = (one.kind, one.subject)
            known, reason = before.get(key), _reason(because.get(key))
            if known is not None and known.explained_by == reason and self._is_fresh(key, now_ms):
                self.standing[key] = known
                continue
            self._refreshed_ms[key] = now_ms
            self.standing[key] = told = finding(one, describe(one), known, reason, now_ms)
            (changes.opened if known is None else changes.changed).append(told)
        for key in before.keys() - self.standing.keys():
            self._refreshed_ms.pop(key, None)
            changes.cleared.append(msgspec.structs.replace(before[key], cleared_ms=now_ms))
        return changes

    def _is_fresh(self, key: Key, now_ms: int) -> bool:
        return now_ms - self._refreshed_ms.get(key, now_ms - REFRESH_MS) < REFRESH_MS


_HARMLESS: Final[frozenset[Kind]] = frozenset(
    {"battery_low", "version_behind", "skewed", "slow", "spool_growing", "drifting"}
)
"""What does not change how well something hears, or is heard."""


def _is_unsure(verdict: Verdict, subject: str) -> bool:
    return bool(verdict.unsure[verdict.subjects.index(subject)])


def finding_id(kind: Kind, subject: str) -> str:
    """The id that the same trouble with the same subject always has."""
    return derived("hf", kind, subject)


def _reason(cause: Key | None) -> str | None:
    return None if cause is None else finding_id(*cause)


def finding(one: Lasting, words: Words, known: Finding | None, reason: str | None, now_ms: int) -> Finding:
    """A finding in words; what is `known` of it stays."""
    return Finding(
        id=finding_id(one.kind, one.subject),
        kind=one.kind,
        subject_kind=one.subject_kind,
        subject=one.subject,
        store=words.store,
        severity=words.severity,
        since_ms=one.since_ms if known is None else known.since_ms,
        opened_ms=now_ms if known is None else known.opened_ms,
        explained_by=reason,
        evidence=dict(words.evidence),
        says=words.says,
        next_step=words.next_step,
    )
