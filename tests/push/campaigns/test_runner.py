"""Whatever people do, whoever is killed in the middle: each occasion is answered once, and what is needless never."""

import asyncio
import tempfile
from collections import Counter
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from push.campaigns.settling import settle
from tests.support.triggered import Street, answering, street

WAIT_S: Final = 600
BOUGHT: Final = "Order Completed"


class Did(NamedTuple):
    """Somebody does something after a time; before others ask, a process takes what is due and may die of it."""

    what: Literal["Looked", "Order Completed"]
    who: Literal["ann", "bob"]
    after_s: int
    dies: bool
    crowd: int


ACTS = st.lists(
    st.builds(
        Did,
        st.sampled_from(["Looked", BOUGHT]),
        st.sampled_from(["ann", "bob"]),
        st.integers(1, 700),
        st.booleans(),
        st.integers(1, 3),
    ),
    min_size=3,
    max_size=10,
)


def expected(acts: list[Did]) -> Counter[tuple[str, str]]:
    """Each look greets at once, and the last one asks again after a wait unless she bought meanwhile."""
    now_s = 0
    looked: list[tuple[str, int]] = []
    bought: list[tuple[str, int]] = []
    for act in acts:
        now_s += act.after_s
        (looked if act.what == "Looked" else bought).append((act.who, now_s))
    found = Counter((who, "hello") for who, _ in looked)
    for who, at_s in looked:
        ends_it = [*bought, *(other for other in looked if other[1] > at_s)]
        if not any(other == who and at_s <= when < at_s + WAIT_S for other, when in ends_it):
            found[who, "still-looking"] += 1
    return found


async def _asked(here: Street, act: Did) -> None:
    if act.dies:
        with suppress(InterruptedError):
            await _die(here, act.who)
    await here.at_once(act.crowd)


async def _die(here: Street, who: str) -> None:
    async with here.db.transaction() as tx:
        await settle(tx, here.means, who, here.clock.now_ms())
        raise InterruptedError


async def _do(here: Street, act: Did) -> None:
    here.clock.advance(1000 * act.after_s)
    await _asked(here, act)
    await here.did(act.who, act.what)
    await _asked(here, act)


async def _answered(acts: list[Did]) -> Counter[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        async with street(f"sqlite://{folder}/test.db") as here:
            here.live(
                answering("hello", "event", event="Looked"),
                answering("still-looking", "event", event="Looked", wait_s=WAIT_S, unless=(BOUGHT,)),
            )
            for act in acts:
                await _do(here, act)
            return Counter(await here.after(1000 * WAIT_S))


@settings(max_examples=6, deadline=None)
@given(ACTS)
def test_whatever_happens_each_occasion_is_answered_once(acts: list[Did]) -> None:
    assert asyncio.run(_answered(acts)) == expected(acts)
