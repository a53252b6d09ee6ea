"""Shoppers, devices and messages that wait in the outbox of a real database, and a channel that does as it is told."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from push.campaigns import outbox, receipts, touches
from push.campaigns.outbox import Said
from push.campaigns.routes import Plan
from push.campaigns.touches import Put
from push.model.campaigns import Campaign, Template, Trigger
from push.model.decisions import Decision, Occasion, Receipt, Touch
from push.model.delivery import DEFAULT_APP, Accepted, Content, Outgoing, Route, State
from push.model.ids import derived
from push.model.people import PURPOSES, Address, Device, Purpose
from push.model.ports import Clock, Database, Row
from push.model.vault import Vault
from push.profiles import consent, keys, people
from push.profiles.keys import Keyring
from push.profiles.people import Seals
from tests.support.keyrings import KEYRING

VAULT = Vault(bytes(range(32)))
SEALS = Seals(VAULT, KEYRING)
SUBSCRIPTION = {"endpoint": "https://push.example/secret-path", "keys": {"p256dh": "p", "auth": "a"}}


async def join(
    db: Database,
    clock: Clock,
    device: str,
    *,
    purposes: Sequence[Purpose] = PURPOSES,
    subscription: dict[str, object] | None = None,
) -> str:
    """A shopper of one device, who agreed to `purposes`; her id."""
    shopper, now_ms = f"shp_{device}", clock.now_ms()
    async with db.transaction() as tx:
        await people.ensure_shopper(tx, shopper, now_ms)
        await people.new_device(tx, Device(id=device, shopper=shopper, platform="sim", locale="en", seen_ms=now_ms))
        await consent.set_consents(tx, shopper, dict.fromkeys(purposes, True), at_ms=now_ms, source="test")
        if subscription is not None:
            await people.set_address(tx, device, web_push(subscription, now_ms), SEALS)
    return shopper


def web_push(subscription: Mapping[str, object], registered_ms: int) -> Address:
    return Address(
        channel="webpush", app=DEFAULT_APP, service="", address=dict(subscription), registered_ms=registered_ms
    )


def ways(device: str, channels: Sequence[str]) -> tuple[Route, ...]:
    return tuple(Route(device, channel) for channel in channels)


async def enqueue(  # noqa: PLR0913 - a delivery has many sides
    db: Database,
    clock: Clock,
    device: str,
    *,
    visit: str = "v1",
    name: str = "m1",
    channels: tuple[str, ...] = ("inapp",),
    lifetime_s: int = 600,
    hold_ms: int = 0,
    keyring: Keyring = KEYRING,
) -> str:
    """A message for the device of a shopper who has joined, its cap taken; the delivery's id."""
    now_ms = clock.now_ms()
    row = await db.fetch_one("profiles.device", id=device)
    shopper = f"shp_{device}" if row is None else row["shopper"]
    decision = Decision(
        id=derived("dec", device, name),
        moment=derived("mom", device, name),
        shopper=shopper,
        store="s1",
        campaign=f"welcome-{name}",
        considered=(),
        decided_ms=now_ms,
    )
    campaign = Campaign(
        id=f"welcome-{name}",
        name="Welcome",
        trigger=Trigger(kind="store_entered"),
        template=Template(title="Hello"),
        lifetime_s=lifetime_s,
    )
    happened = Occasion(
        id=decision.moment,
        kind="store_entered",
        store="s1",
        shopper=shopper,
        visit=visit,
        at_ms=now_ms,
        heard_ms=now_ms,
        received_ms=now_ms,
    )
    content = Content(title=f"Hello {name}", body="Grüße")
    async with db.transaction() as tx:
        await people.ensure_shopper(tx, shopper, now_ms)
        opened = await keys.ensure(tx, keyring, [shopper])
        await tx.execute_many(*outbox.decisions(opened, [Receipt(decision=decision, inputs=None)]))
        plan = Plan(ways(device, channels), hold_ms=hold_ms)
        send = outbox.answer(decision, Said(campaign, content, plan), happened)
        [delivery] = await outbox.write(tx, opened, [send])
        touch = Touch(campaign=campaign.id, tags=(), channel=channels[0], store="s1", is_here=True, at_ms=now_ms)
        await tx.execute_many(*touches.written([Put(send.message.id, shopper, visit, touch)]))
        return delivery


def receipt(row: Row) -> str:
    """Why a decision was made, as JSON: a row of ``campaigns.decisions``."""
    return msgspec.json.encode(receipts.considered(KEYRING, row, row["id"])).decode()


async def used(db: Database, visit: str = "v1") -> int:
    """Messages of a visit that count."""
    row = await db.fetch_one("touches.of_visit", visit=visit)
    return 0 if row is None else int(row["used"])


async def state(db: Database, delivery: str) -> State:
    row = await db.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    return State(row["state"])


class ScriptedChannel:
    """A channel that answers as its script says, and accepts when it is at its end; `gate` holds every answer back."""

    def __init__(self, name: str, script: Sequence[Exception | Accepted] = ()) -> None:
        self.name = name
        self.script = list(script)
        self.sent: list[Outgoing] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, outgoing: Outgoing) -> Accepted:
        self.sent.append(outgoing)
        await self.gate.wait()
        answer = self.script.pop(0) if self.script else Accepted(status=201)
        if isinstance(answer, Exception):
            raise answer
        return answer
