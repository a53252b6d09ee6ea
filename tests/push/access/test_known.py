"""A token that was just looked up is not looked up again, and one that was taken back is not known."""

from push.access.known import FRESH_MS, MOST, Known

APP = {"scope": "app", "subject": "shop", "role": "admin", "stores": "", "expires_ms": None, "last_used_ms": None}
NOW_MS = 1_000_000


def test_a_token_is_known_for_a_second() -> None:
    known = Known()
    known.keep("a", APP, NOW_MS, known.mark)
    assert known.find("a", NOW_MS) == known.find("a", NOW_MS + FRESH_MS - 1) == APP
    assert known.find("a", NOW_MS + FRESH_MS) is None
    assert known.find("a", NOW_MS - 1) is None, "a clock that was set back"
    assert known.find("b", NOW_MS) is None


def test_it_ends_when_it_ends() -> None:
    known = Known()
    known.keep("a", {**APP, "expires_ms": NOW_MS + 10}, NOW_MS, known.mark)
    assert known.find("a", NOW_MS + 9) is not None
    assert known.find("a", NOW_MS + 10) is None


def test_what_is_taken_back_is_forgotten_and_so_is_what_was_read_before() -> None:
    known = Known()
    known.keep("a", APP, NOW_MS, known.mark)
    before = known.mark
    known.forget()
    assert known.find("a", NOW_MS) is None
    known.keep("a", APP, NOW_MS, before)
    assert known.find("a", NOW_MS) is None


def test_devices_are_not_known_and_no_more_than_so_many_systems() -> None:
    known = Known()
    known.keep("d", {**APP, "scope": "device"}, NOW_MS, known.mark)
    assert known.find("d", NOW_MS) is None
    for n in range(MOST + 1):
        known.keep(f"{n}", APP, NOW_MS, known.mark)
    assert [known.find("0", NOW_MS), known.find(f"{MOST}", NOW_MS)] == [None, APP]
