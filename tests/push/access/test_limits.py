"""How often somebody may try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.access.errors import TooOftenError
from push.access.limits import ADDRESS, LOGIN, LOOPBACK, Buckets, Limits, Rate, network_of

T0_MS = 1_700_000_000_000


def tried(limits: Limits, login: str, remote: str, now_ms: int = T0_MS) -> int:
    """0, or how many seconds to wait."""
    try:
        limits.attempt(login, remote, now_ms)
    except TooOftenError as error:
        return error.wait_s
    return 0


def test_a_login_is_closed_after_its_burst_and_opens_one_by_one() -> None:
    limits = Limits()
    assert not any(tried(limits, "ann", f"192.0.2.{n}") for n in range(LOGIN.burst))
    assert tried(limits, "ann", "198.51.100.1") == 30
    assert not tried(limits, "bob", "198.51.100.1")
    assert not tried(limits, "ann", "198.51.100.2", T0_MS + 30_000)
    assert tried(limits, "ann", "198.51.100.2", T0_MS + 30_001) == 30


def test_an_address_is_closed_whatever_logins_it_tries() -> None:
    limits = Limits()
    assert not any(tried(limits, f"user{n}", "192.0.2.1") for n in range(ADDRESS.burst))
    assert tried(limits, "another", "192.0.2.1") == 10
    assert not tried(limits, "another", "192.0.2.2")


def test_who_gets_in_starts_afresh() -> None:
    limits = Limits()
    for _ in range(500):
        assert not tried(limits, "ann", "192.0.2.1")
        limits.passed("ann", "192.0.2.1")


def test_behind_a_proxy_on_this_machine_one_who_guesses_does_not_shut_all_the_others_out_for_long() -> None:
    limits = Limits()
    assert not any(tried(limits, f"user{n}", "127.0.0.1") for n in range(LOOPBACK.burst))
    assert tried(limits, "ann", "127.0.0.1") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "::1"),
        ("fe80::1%eth0", "fe80::2"),
        ("", "not an address"),
    ],
)
def test_addresses_of_one_customer_count_as_one(one: str, other: str) -> None:
    assert network_of(one) == network_of(other)


def test_addresses_of_two_customers_count_as_two() -> None:
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")


def test_a_flood_of_names_is_not_remembered_without_end() -> None:
    buckets = Buckets(most=100)
    for n in range(1000):
        buckets.take(str(n), LOGIN, T0_MS)
    assert len(buckets) == 100


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=200))
def test_never_more_than_the_burst_and_what_came_with_time(steps: list[int]) -> None:
    """Whatever the pauses, and where the clock is set back as well."""
    buckets, rate, now_ms, taken = Buckets(), Rate(5, 1000), T0_MS, 0
    for step in steps:
        now_ms += step
        wait_ms = buckets.take("x", rate, now_ms)
        taken += not wait_ms
        assert 0 <= wait_ms <= rate.every_ms
        assert taken <= rate.burst + (now_ms - T0_MS) // rate.every_ms
