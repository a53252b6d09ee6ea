"""Hooks against a real receiver over TLS: what it gets, what it may do wrong, and what it learns of what is gone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from push.channels import hook as hook_channel
from push.deliver import hooks
from push.deliver.hook_runner import PRUNED_AT_ONCE
from push.deliver.hooks import Asked
from push.model.errors import TransientError
from push.model.hooks import Letter, Sealed
from push.model.vault import Vault
from tests.support.brokers import until
from tests.support.clocks import ShiftedClock
from tests.support.fresh import open_database
from tests.support.happenings import MANY, happen
from tests.support.hook_receiver import receiving
from tests.support.hook_world import World, hook_world
from tests.support.servers import becomes
from tests.support.tasks import background

HOUR_MS = 3_600_000


@pytest.fixture
async def idle(tmp_path: Path) -> AsyncIterator[World]:
    """Hooks that do not run yet."""
    async with open_database(f"sqlite://{tmp_path}/push.db", ShiftedClock()) as db, hook_world(db, tmp_path) as made:
        yield made


@pytest.fixture
async def world(idle: World) -> AsyncIterator[World]:
    async with background(idle.hooks.run()):
        yield idle


# --- what is posted ---------------------------------------------------------------------------------------------------


async def test_every_event_is_posted_in_order_signed_and_says_what_happened(world: World) -> None:
    hook, secret = await world.hooks.register(world.receiver.url, Asked(), "operator:test")
    seqs = await happen(world.db, world.clock, "queued", "accepted", "shown")
    await world.took(seqs)
    first, _, shown = world.receiver.taken
    assert all(world.receiver.verified(secret, request) for request in world.receiver.taken)
    assert not world.receiver.verified("whsec_" + "A" * 32, first)
    assert (shown.id, shown.body["type"]) == (f"evt_{seqs[2]}", "message.shown")
    assert shown.body["data"] == {
        "message": "msg_1", "delivery": "dlv_1", "shopper": "ada", "channel": "webpush", "reason": None, "seq": seqs[2],
    }  # fmt: skip
    assert shown.body["timestamp"].endswith("Z")
    assert shown.headers["content-type"] == "application/json"
    assert world.receiver.most_at_once == 1
    row = await world.row(hook)
    assert (row.state, row.reason, row.failures) == ("active", None, 0)


async def test_a_hook_gets_the_kinds_that_it_asked_for_and_what_happens_after_it_was_made(world: World) -> None:
    await happen(world.db, world.clock, "shown")
    hook = await world.register("shown", "failed")
    seqs = await happen(world.db, world.clock, "queued", "shown", "accepted", "failed", "opened")
    await world.took([seqs[1], seqs[3]])

    async def caught_up() -> bool:
        row = await world.row(hook)
        return row.next_seq == row.last_seq + 1

    await becomes(caught_up, "the cursor to pass what nobody asked for")


async def test_more_than_is_read_at_once_arrives(idle: World) -> None:
    await idle.register()
    seqs = await happen(idle.db, idle.clock, *MANY[:230])
    async with background(idle.hooks.run()):
        await idle.took(seqs)


def stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("push.db*"))


async def test_nothing_of_a_hook_lies_about_in_clear(world: World, tmp_path: Path) -> None:
    _, secret = await world.hooks.register(world.receiver.url, Asked(), "operator:test")
    written = await asyncio.to_thread(stored, tmp_path)
    assert secret.encode() not in written
    assert b"token=secret" not in written
    assert "secret" not in repr(Letter(id="e", body=b"", to=Sealed(url="secret", secret="secret"), now_ms=0))  # noqa: S106


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "503", "404", "429", "slow", "cut", "redirect"])
async def test_what_is_not_taken_is_posted_again_under_its_id_before_what_follows(world: World, fault: str) -> None:
    hook = await world.register()
    world.receiver.then([fault, fault])
    seqs = await happen(world.db, world.clock, "queued", "accepted")
    await world.took(seqs)
    assert [r.id for r in world.receiver.requests] == [f"evt_{seqs[0]}"] * 3 + [f"evt_{seqs[1]}"]

    async def forgotten() -> bool:
        row = await world.row(hook)
        return (row.failures, row.failing_since_ms, row.reason) == (0, None, None)

    await becomes(forgotten, "the failures to be forgotten")


async def test_a_huge_answer_is_not_read_to_its_end_and_counts_as_what_its_status_says(world: World) -> None:
    await world.register()
    world.receiver.then(["huge"])
    seqs = await happen(world.db, world.clock, "queued", "accepted")
    await world.took(seqs)
    assert [r.answered for r in world.receiver.requests] == ["huge", "204"]


async def test_why_a_hook_fails_is_shown(world: World) -> None:
    hook = await world.register()
    world.receiver.always = "500"
    await happen(world.db, world.clock, "queued")
    await world.asked(3)

    async def known() -> bool:
        return (await world.row(hook)).failures >= 2

    await becomes(known, "failures to be counted")
    row = await world.row(hook)
    assert (row.state, row.reason) == ("active", "service_failed")
    assert row.failing_since_ms is not None


async def test_retry_after_is_kept_to(world: World) -> None:
    hook = await world.register()
    world.receiver.retry_after = "3600"
    world.receiver.then(["429"])
    [seq] = await happen(world.db, world.clock, "queued")

    async def waits() -> bool:
        return (await world.row(hook)).reason == "rate_limited"

    await becomes(waits, "the refusal to be written down")
    assert (await world.row(hook)).next_ms >= world.clock.now_ms() + HOUR_MS - 60_000
    assert len(world.receiver.requests) == 1
    world.clock.shift_ms += HOUR_MS + 1
    await world.took([seq])


async def test_a_receiver_that_wants_no_more_gets_no_more_until_it_takes_a_test(world: World) -> None:
    hook = await world.register()
    world.receiver.then(["204", "410"])
    seqs = await happen(world.db, world.clock, "queued", "accepted", "shown")
    assert (await world.stands(hook, "disabled")).reason == "endpoint_gone"
    seqs += await happen(world.db, world.clock, "opened")
    assert world.receiver.seqs == seqs[:1]

    world.receiver.always = "410"
    refused = await world.hooks.test(hook)
    assert refused is not None
    assert (refused.status, refused.reason) == (410, "endpoint_gone")
    assert (await world.row(hook)).state == "disabled"

    world.receiver.always = None
    taken = await world.hooks.test(hook)
    assert taken is not None
    assert (taken.status, taken.reason) == (204, None)
    assert world.receiver.requests[-1].body["type"] in {"hook.test", "message.accepted"}
    await world.took(seqs)


async def test_a_hook_that_fails_for_three_days_is_given_up(world: World) -> None:
    hook = await world.register()
    world.receiver.always = "500"
    await happen(world.db, world.clock, "queued")
    await world.asked(1)
    world.clock.shift_ms += 71 * HOUR_MS
    tried = len(world.receiver.requests)
    await world.asked(tried + 2)
    assert (await world.row(hook)).state == "active"
    world.clock.shift_ms += 2 * HOUR_MS
    row = await world.stands(hook, "disabled")
    assert row.reason == "service_failed"


async def test_a_dead_hook_delays_no_other(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    async with receiving(folder) as (dead, _):
        dead.always = "slow"
        await world.register(url=dead.url)  # not even trusted: its authority is another
        await world.register(url="https://127.0.0.1:1/closed")
        await world.register()
        await world.took(await happen(world.db, world.clock, *MANY[:30]))


async def test_addresses_of_our_own_network_are_refused_when_made_and_when_they_turn_out_to_be(idle: World) -> None:
    strict = msgspec.structs.replace(idle.settings, allow_private_hosts=False)
    async with hook_channel.connect(strict) as poster:
        for bad in ("https://127.0.0.1/x", "https://[::1]/x", "https://10.0.0.8/", "http://shop.example/", "ftp://x/",
                    "https://u:p@shop.example/", "https://", "nonsense", "https://[/"):  # fmt: skip
            with pytest.raises(ValueError, match=r"\w"):
                poster.check_url(bad)
        assert poster.check_url("https://shop.example/hook?token=1") == "https://shop.example"
        port = idle.receiver.url.split(":")[2].split("/")[0]
        to = Sealed(url=f"https://localhost:{port}/", secret=poster.new_secret())
        with pytest.raises(TransientError, match="address_not_public"):
            await poster.post(Letter(id="evt_1", body=b"{}", to=to, now_ms=idle.clock.now_ms()))
    assert idle.receiver.requests == []


async def test_a_database_that_is_away_for_a_while_loses_nothing(world: World) -> None:
    await world.register()
    seqs = await happen(world.db, world.clock, "queued")
    await world.took(seqs)
    world.db.away = True
    looked = world.db.asked["hooks.active"] + 2
    await until(lambda: world.db.asked["hooks.active"] >= looked)
    world.db.away = False
    seqs += await happen(world.db, world.clock, "accepted")
    await world.took(seqs)


async def test_a_turn_that_the_database_left_is_given_back_as_soon_as_it_returns(world: World) -> None:
    world.receiver.then(["held"])
    await world.register()
    seqs = await happen(world.db, world.clock, "queued")
    await world.asked(1)
    world.db.away = True
    world.receiver.release.set()
    tried = world.db.asked["begin"] + 2  # to keep its cursor, and once more
    await until(lambda: world.db.asked["begin"] >= tried)
    world.db.away = False
    await world.took(seqs + await happen(world.db, world.clock, "accepted"))


async def test_a_hook_that_another_key_sealed_is_no_others_harm(world: World) -> None:
    made = hooks.made(world.poster, world.receiver.url, Asked())
    async with world.db.transaction() as tx:
        await hooks.put(tx, Vault(bytes(32)), made, world.clock.now_ms())
    await world.register()
    await world.took(await happen(world.db, world.clock, "queued"))


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_for_a_day_after_a_rotation_both_secrets_sign(world: World) -> None:
    hook, old = await world.hooks.register(world.receiver.url, Asked(), "operator:test")
    new = await world.hooks.rotate(hook, "operator:test")
    assert new is not None
    await happen(world.db, world.clock, "queued")
    await world.asked(1)
    [both] = world.receiver.taken
    assert world.receiver.verified(old, both)
    assert world.receiver.verified(new, both)
    world.clock.shift_ms += 24 * HOUR_MS + 1
    await happen(world.db, world.clock, "accepted")
    await world.asked(2)
    assert len(both.headers["webhook-signature"].split(" ")) == 2
    assert len(world.receiver.taken[1].headers["webhook-signature"].split(" ")) == 1
    assert await world.hooks.rotate("hook_none", "operator:test") is None


# --- what was pruned --------------------------------------------------------------------------------------------------


async def test_who_is_behind_what_is_kept_learns_how_many_were_lost(idle: World) -> None:
    await idle.register("shown")
    lost = await happen(idle.db, idle.clock, *MANY[: PRUNED_AT_ONCE + 2])
    idle.clock.shift_ms += 8 * 24 * HOUR_MS
    kept = await happen(idle.db, idle.clock, "queued", "shown")
    assert await idle.hooks.prune() == PRUNED_AT_ONCE
    assert await idle.hooks.prune() == 2
    assert await idle.hooks.prune() == 0
    async with background(idle.hooks.run()):
        await idle.took([kept[1]])
    word = idle.receiver.taken[0]
    assert word.body["type"] == "events.lost"
    assert word.body["data"] == {"count": len(lost), "first_seq": lost[0], "last_seq": lost[-1]}
    assert word.id == f"evt_lost_{lost[0]}_{lost[-1]}"


async def test_where_nothing_is_left_the_loss_is_told_too_and_once(idle: World) -> None:
    await idle.register()
    await happen(idle.db, idle.clock, "queued", "shown")
    idle.clock.shift_ms += 8 * 24 * HOUR_MS
    assert await idle.hooks.prune() == 2
    async with background(idle.hooks.run()):
        await idle.asked(1)
        seqs = await happen(idle.db, idle.clock, "opened")
        await idle.took(seqs)
    assert [r.body["type"] for r in idle.receiver.requests] == ["events.lost", "message.opened"]
