"""When to try again: full jitter under a bound that doubles, never sooner than the service asked."""

from hypothesis import given
from hypothesis import strategies as st

from push.deliver.retry import RetrySettings, next_ms

LUCK = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(1, 10_000), luck=LUCK)
def test_the_wait_stays_below_a_bound_that_doubles_up_to_the_cap(attempt: int, luck: float) -> None:
    settings = RetrySettings(base_ms=500, cap_ms=60_000)
    bound_ms = min(60_000, 500 * 2 ** min(attempt - 1, 20))

    assert 0 <= next_ms(settings, attempt, None, 1000, luck) - 1000 < bound_ms


@given(attempt=st.integers(1, 50), luck=LUCK, asked_ms=st.integers(0, 10**9))
def test_what_the_service_asked_for_is_never_undercut(attempt: int, luck: float, asked_ms: int) -> None:
    assert next_ms(RetrySettings(), attempt, asked_ms, 0, luck) >= asked_ms
