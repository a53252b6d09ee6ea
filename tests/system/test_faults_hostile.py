"""Any bytes may come from a gateway's login: they are refused and counted, and ingest goes on beside them."""

import random
import secrets

import msgspec
import pytest

from beacons.wire import MAX_PAYLOAD_BYTES, Envelope, key_of, seal, tag
from tests.support.stack import Stack
from tests.support.wire_gateway import WireGateway

pytestmark = pytest.mark.system

REFUSED = "footfall_refused_payloads_total"
EXTREME = 2**53
IMPOSSIBLE: tuple[dict[str, int | None], ...] = (
    {"base_ms": EXTREME},
    {"base_ms": -EXTREME, "offset_ms": -EXTREME},
    {"sent_boot_ms": -EXTREME, "sent_wall_ms": -EXTREME},
    {"sent_boot_ms": None, "offset_ms": EXTREME},
    {"sent_boot_ms": EXTREME, "offset_ms": EXTREME},
)
"""Times that no clock ever showed, and that the contract lets through."""


def mutated(payload: bytes, chance: random.Random) -> bytes:
    """A payload with some of its bits, its length, or its middle changed."""
    raw = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    cut = chance.randrange(len(raw))
    return bytes(chance.choice((raw, raw[:cut], raw[cut:], raw[:cut] + raw, bytes(raw) * 2)))


async def refusals(stack: Stack) -> dict[str, float]:
    """Payloads refused so far, by reason."""
    prefix = REFUSED + '{reason="'
    return {
        name.removeprefix(prefix).removesuffix('"}'): count
        for name, count in (await stack.metrics()).items()
        if name.startswith(prefix)
    }


async def test_hostile_payloads_are_counted_refusals_while_real_ones_flow(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway()
    hostile = WireGateway(box.enrolled)  # knows the login; most of what it says is not signed, though
    chance = random.Random(11)  # noqa: S311 - no secret
    genuine = hostile.sealed(hostile.batch(1))
    envelope = msgspec.msgpack.decode(genuine, type=Envelope)
    payloads = [chance.randbytes(chance.choice((1, 2, 40, 400, 4000))) for _ in range(100)]
    payloads += [p for p in (mutated(genuine, chance) for _ in range(100)) if p != genuine]
    payloads += [
        b"",
        bytes(MAX_PAYLOAD_BYTES + 1),
        b"[" * 100_000,
        b"\x94" + b"\x91" * 100_000,
        msgspec.msgpack.encode(msgspec.structs.replace(envelope, version=9)),
        msgspec.msgpack.encode(msgspec.structs.replace(envelope, key_id="nobody")),
        msgspec.msgpack.encode(msgspec.structs.replace(envelope, tag=bytes(16))),
        seal(hostile.batch(1), hostile.key, "down", hostile.topic("sightings")),
        seal(hostile.batch(1), hostile.key, "up", hostile.topic("status")),
        seal(hostile.batch(1), key_of(secrets.token_bytes(32)), "up", hostile.topic("sightings")),
    ]
    async with stack.ether.crowd(), hostile.on_air(stack.broker.port):
        await stack.until_applied(2)
        for payload in payloads:
            await hostile.publish(payload)
        for payload in payloads[:20]:
            await hostile.publish(payload, hostile.topic("status"))
        before = await stack.applied()

        async def all_refused() -> bool:
            return sum((await refusals(stack)).values()) >= len(payloads) + 20

        await stack.until("every hostile payload to be counted", all_refused)
        await stack.until_applied(before + 5)
    assert sum((await refusals(stack)).values()) == len(payloads) + 20
    assert set(await refusals(stack)) >= {"malformed", "oversized", "version", "unknown_key", "bad_tag"}
    books = await stack.close_books()
    books.assert_exactly_once()
    assert books.statistics["sightings"] == stack.ether.strangers


async def test_authentic_nonsense_is_refused_once_and_for_all_beside_real_batches(stack: Stack) -> None:
    """Signed with the gateway's own secret: a broken gateway, not a stranger."""
    await stack.start_server()
    gateway = WireGateway(await stack.enrol("g1"))
    chance = random.Random(12)  # noqa: S311 - no secret
    async with gateway.on_air(stack.broker.port):
        where = gateway.topic("sightings")
        for body in (b"", b"\xc1", chance.randbytes(200), msgspec.msgpack.encode({"gateway": "g1"})):
            payload = [1, gateway.key.id, tag(gateway.key.secret, "up", where, body), body]
            await gateway.publish(msgspec.msgpack.encode(payload))
        torn = msgspec.structs.replace(gateway.batch(1).sightings, rssi_max_dbm=b"12345")
        await gateway.say(gateway.batch(1, sightings=None, gateway="g2"))
        await gateway.say(msgspec.structs.replace(gateway.batch(1), sightings=torn))
        for n, changes in enumerate(IMPOSSIBLE, start=2):
            await gateway.say(msgspec.structs.replace(gateway.batch(n), **changes))
        await gateway.say(gateway.batch(7))

        async def settled() -> bool:
            return gateway.settled() >= set(range(2, 8)) and 1 in gateway.refused()

        await stack.until("all of it to be settled", settled)
    assert await refusals(stack) == {"malformed": 4, "foreign gateway": 1}
    assert (await stack.applied()) == 6
    assert await stack.get("/v1/visits") == []


async def test_a_gateway_cannot_speak_for_another(stack: Stack) -> None:
    await stack.start_server()
    honest, thief = WireGateway(await stack.enrol("g1")), WireGateway(await stack.enrol("g2"))
    async with honest.on_air(stack.broker.port), thief.on_air(stack.broker.port):
        await honest.say(honest.batch(1))
        forged = honest.batch(2, sightings=[])
        # The broker keeps g2's login off g1's topics, even if it knew g1's secret.
        await thief.publish(honest.sealed(forged), honest.topic("sightings"))
        # And on its own topic nothing of g1's is believed, whoever signed it.
        await thief.publish(honest.sealed(forged))
        await thief.publish(seal(forged, thief.key, "up", thief.topic("sightings")))
        await thief.say(thief.batch(1))

        async def settled() -> bool:
            return thief.settled() == {1} and honest.settled() == {1}

        await stack.until("what is real to be acknowledged", settled)
    assert await refusals(stack) == {"unknown_key": 1, "foreign gateway": 1}
    marks = {m["gateway"]: m["floor"] for m in (await stack.get("/v1/statistics"))["marks"]}
    assert marks == {"g1": 1, "g2": 1}
