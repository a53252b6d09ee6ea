"""Who agreed to be profiled counts among everyone, from then until she withdraws, whatever says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.collecting import AGREED, Shop, collecting

NAMES = [f"ann-{n}" for n in range(5)]


@pytest.fixture
async def shop(any_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with collecting(tmp_path, any_url) as open_shop:
        yield open_shop


async def score(shop: Shop) -> int | None:
    """How often the first one buys, among everyone: five people can be parted in fifths, fewer cannot."""
    figures = (await shop.profile("user_id", NAMES[0]))["figures"]
    assert figures["orders"] == 2
    found: int | None = figures["frequency_score"]
    return found


async def test_a_withdrawal_takes_a_person_out_of_everyones_figures(shop: Shop) -> None:
    for n, name in enumerate([*NAMES, NAMES[0]]):
        await shop.say("identify", {"userId": name, "context": AGREED})
        said = {"order_id": f"o-{n}", "total": 10 + n, "currency": "EUR"}
        await shop.say("track", {"userId": name, "event": "Order Completed", "properties": said})
    assert await score(shop) == 5
    last = await shop.find("user_id", NAMES[-1])
    for granted, then in ((False, None), (True, 5)):
        purposes = {"profiling": granted}
        await shop.server.operate("PUT", f"/v1/shoppers/{last}", {"id": last, "purposes": purposes, "source": "letter"})
        assert await score(shop) == then
