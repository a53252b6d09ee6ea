"""A mail-out is under way and one service is down: who walks into the store has her message before that is done."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.push_service import Fault
from tests.support.kills import SETTINGS
from tests.support.mailroom import Mailroom, mailroom, post_body
from tests.support.stack import Stack
from tests.support.webhook_service import Reply

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
MESSAGES = 3000
A_CALL = 500
BULK = 2
AGREED = {"source": "checkout", "at_ms": 1}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Mailroom]:
    """Its push service takes a while for each message, its webhooks are never answered."""
    async with mailroom(tmp_path) as running:
        yield running


async def states(stack: Stack, channel: str) -> Counter[str]:
    """Of the mail-out's deliveries on a channel, as far as they have one."""
    rows = await (await stack.operator()).deliveries()
    return Counter(row["state"] for row in rows if row["lane"] == BULK and row["channel"] in {channel, None})


async def mail_out(stack: Stack, room: Mailroom) -> None:
    operator = await stack.operator()
    channels = itertools.cycle(("webpush", "webhook"))
    bodies: list[dict[str, Any]] = [
        {**post_body({"address": room.address(next(channels), n)}), "basis": "marketing", "agreed": AGREED}
        for n in range(MESSAGES)
    ]
    for first in range(0, MESSAGES, A_CALL):
        answer = await operator.post("/v1/messages", {"messages": bodies[first : first + A_CALL]})
        assert {verdict["status"] for verdict in answer["messages"]} == {"queued"}


async def test_a_moment_overtakes_a_mail_out_while_a_service_is_down(own_stack: Stack, room: Mailroom) -> None:
    stack = own_stack
    stack.settings |= {**SETTINGS, **room.settings()}
    await stack.start_server()
    await (await stack.operator()).put("/v1/credentials/webhook/default", room.credentials()["webhook"])
    room.receiver.replies.extend([Reply(delay_s=600)] * MESSAGES)
    room.webpush.faults.extend([Fault(delay_s=0.5)] * MESSAGES)
    await stack.run_gateway()
    shopper = await stack.add_shopper()
    await mail_out(stack, room)

    async with stack.ether.presence(shopper.card):
        await stack.until_shown(shopper)
    assert 0 < len(room.pushed) < MESSAGES // 2
    room.webpush.faults.clear()

    async def done() -> bool:
        return len(set(room.pushed)) == MESSAGES // 2

    await stack.until("the mail-out to be done", done)

    async def accepted() -> bool:
        return (await states(stack, "webpush"))["accepted"] == MESSAGES // 2

    await stack.until("every push to be accepted", accepted)
    left = await states(stack, "webhook")
    assert left["pending"] + left["sending"] == MESSAGES // 2, left  # none is given up, none was lost
