"""From what is bad in a minute to findings: what passes is none, what flickers stays one, what follows is explained."""

import numpy as np

from push.health.causes import explained
from push.health.judge import Changes, Judge, Words
from push.health.verdicts import Lasting, Verdict
from push.model.health import Kind

STORES: dict[str, str | None] = {"g1": "s1", "g2": "s1", "g3": "s2"}
NAMES = ("g1", "g2", "g3")
MINUTE_MS = 60_000


def verdict(kind: Kind, bad: str = "", unsure: str = "", hold_min: int = 0, since_ms: int = 0) -> Verdict:
    named = set(bad.split()), set(unsure.split())
    return Verdict(
        kind,
        "gateway",
        NAMES,
        np.array([name in named[0] for name in NAMES]),
        np.array([name in named[1] for name in NAMES]),
        np.full(len(NAMES), since_ms, dtype=np.int64),
        hold_min,
        clear_min=3,
    )


def told(one: Lasting) -> Words:
    return Words(STORES.get(one.subject), "now", {"n": 1}, f"{one.subject} is {one.kind}.", "Go there.")


class Court:
    """A judge who sits each minute."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.minute = 100

    def sit(self, *verdicts: Verdict) -> Changes:
        self.minute += 1
        return self.judge.step(verdicts, STORES, told, self.minute * MINUTE_MS)

    def standing(self) -> set[tuple[str, str]]:
        return {(kind, subject) for kind, subject in self.judge.standing}


def test_what_lasts_is_found_after_its_time_and_since_it_began() -> None:
    court = Court()
    for _ in range(10):
        assert court.sit(verdict("deaf", "g1", hold_min=10)) == Changes([], [], [])
    [finding] = court.sit(verdict("deaf", "g1", hold_min=10)).opened
    assert (finding.kind, finding.subject, finding.store) == ("deaf", "g1", "s1")
    assert finding.since_ms == 101 * MINUTE_MS
    assert finding.opened_ms == 111 * MINUTE_MS


def test_one_good_minute_ends_what_was_no_finding_yet() -> None:
    court = Court()
    for minute in range(60):
        bad = "g1" if minute % 9 else ""
        assert court.sit(verdict("deaf", bad, hold_min=10)).opened == []


def test_what_nobody_can_tell_changes_nothing() -> None:
    court = Court()
    for _ in range(6):
        court.sit(verdict("deaf", "g1", hold_min=10))
    for _ in range(20):
        court.sit(verdict("deaf", unsure="g1", hold_min=10))
    assert court.standing() == set(), "and does not count as time"
    court.sit(verdict("deaf", "g1", hold_min=10))
    assert court.standing() == {("deaf", "g1")}
    for _ in range(20):
        court.sit(verdict("deaf", unsure="g1", hold_min=10))
    assert court.standing() == {("deaf", "g1")}


def test_a_finding_is_over_once_it_was_fine_for_a_while() -> None:
    court = Court()
    court.sit(verdict("slow", "g1"))
    for n in range(12):
        assert court.sit(verdict("slow", "" if n % 3 else "g1")).cleared == []
    court.sit(verdict("slow", "g1"))
    for _ in range(3):
        assert court.sit(verdict("slow")).cleared == []
    [over] = court.sit(verdict("slow")).cleared
    assert over.cleared_ms == court.minute * MINUTE_MS
    assert court.standing() == set()


def test_who_is_registered_no_more_has_nothing_wrong() -> None:
    court = Court()
    court.sit(verdict("slow", "g1"))
    gone = verdict("slow")._replace(subjects=("g2", "g3"), bad=np.zeros(2, bool), unsure=np.zeros(2, bool))
    assert [f.subject for f in court.sit(gone).cleared] == ["g1"]


def test_evidence_is_told_anew_now_and_then_and_not_each_minute() -> None:
    court = Court()
    changed = [len(court.sit(verdict("slow", "g1")).changed) for _ in range(61)]
    assert sum(changed) == 4


def test_a_restart_knows_what_stands_and_since_when() -> None:
    court = Court()
    court.sit(verdict("offline", "g1", since_ms=7))
    before = court.judge.standing["offline", "g1"]
    assert before.since_ms == 7
    court.judge = Judge([before])
    changes = court.sit(verdict("offline", "g1", since_ms=9))
    assert changes.opened == changes.cleared == []
    assert court.judge.standing["offline", "g1"].since_ms == 7


def test_the_last_gateway_of_a_store_to_go_makes_it_the_stores_and_the_first_to_come_back_its_own_again() -> None:
    court = Court()
    court.sit(verdict("offline", "g1", since_ms=5))
    changes = court.sit(verdict("offline", "g1 g2", since_ms=6))
    assert {(f.kind, f.subject): f.explained_by is not None for f in changes.opened + changes.changed} == {
        ("store_offline", "s1"): False,
        ("offline", "g1"): True,
        ("offline", "g2"): True,
    }
    assert court.judge.standing["store_offline", "s1"].since_ms == 5
    for _ in range(4):
        changes = court.sit(verdict("offline", "g1"))
    assert court.standing() == {("offline", "g1")}
    assert court.judge.standing["offline", "g1"].explained_by is None


def test_suspects_are_those_whose_word_is_worth_less() -> None:
    court = Court()
    court.sit(verdict("deaf", "g1", hold_min=10), verdict("battery_low", "g2"), verdict("version_behind", "g3"))
    assert court.judge.suspects() == {"g1"}


def lasting(kind: Kind, subject: str) -> Lasting:
    return Lasting(kind, "gateway", subject, 1)


def test_a_single_gateway_explains_only_itself() -> None:
    causes, because = explained([lasting("offline", "g3"), lasting("deaf", "g3"), lasting("deaf", "g1")], STORES)
    assert causes == []
    assert because == {("deaf", "g3"): ("offline", "g3")}


def test_all_stores_gone_is_our_own_doing() -> None:
    causes, because = explained([lasting("offline", name) for name in NAMES], STORES)
    assert {(cause.kind, cause.subject) for cause in causes} == {("store_offline", "s1"), ("all_offline", "server")}
    assert set(because.values()) == {("all_offline", "server")}
    assert len(because) == 4
