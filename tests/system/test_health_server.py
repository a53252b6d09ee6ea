"""The fleet's health on the true server, with gateways as processes: who died is found, told by hook and mail, once."""

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest

from beacons import ad
from beacons.frames import EddystoneUid, Tlm, encode
from firmware_sim.radio import Heard
from tests.support import smtp_service
from tests.support.box import STORE
from tests.support.clocks import ShiftedClock
from tests.support.hook_receiver import Receiver, receiving
from tests.support.mails import credential
from tests.support.smtp_service import SmtpService
from tests.support.stack import Stack
from tests.support.tasks import background

pytestmark = pytest.mark.system

STEP_MS: Final = 20_000
"""The clock goes on in steps that no living gateway is silent for."""
REPORTED_MS: Final = 9_000
OFTEN: Final = {"gateway.health.every_s": 1}
SHELF: Final = EddystoneUid(tx_power_dbm=-18, namespace=b"\1" * 10, instance=b"\2" * 6)
BATTERY: Final = Tlm(battery_mv=2380, temperature_c=21.0, advertisements=7, uptime_ds=70)


class Watched:
    """A deployment whose clock passes in no time."""

    def __init__(self, stack: Stack, clock: ShiftedClock) -> None:
        self.stack = stack
        self.clock = clock

    async def findings(self, query: str = "") -> list[dict[str, Any]]:
        answer = await self.stack.get(f"/v1/health/findings{query}")
        found: list[dict[str, Any]] = answer["findings"]
        return found

    async def pass_time(self, minutes: int, *alive: str) -> None:
        """Let minutes pass in which those who are `alive` are heard of all the time."""
        for _ in range(minutes * 60_000 // STEP_MS):
            self.clock.shift_ms += STEP_MS
            now_ms = self.clock.now_ms()

            async def heard(since_ms: int = now_ms) -> bool:
                said = [await self.stack.get(f"/v1/gateways/{name}/health") for name in alive]
                return all((one["last_ms"] or 0) >= since_ms for one in said)

            await self.stack.until(f"{alive} to be heard of", heard)
        await asyncio.sleep(1.2)  # two looks: a minute that began is over

    async def until_found(self, kind: str, subject: str) -> dict[str, Any]:
        async def is_there() -> bool:
            return any((f["kind"], f["subject"]) == (kind, subject) for f in await self.findings())

        await self.stack.until(f"{subject} to be found {kind}", is_there)
        return next(f for f in await self.findings() if (f["kind"], f["subject"]) == (kind, subject))


@asynccontextmanager
async def watched(stack: Stack, **settings: object) -> AsyncIterator[Watched]:
    clock = ShiftedClock()
    fast = {"offline_after_s": 60, "offline_told_after_s": 60, "group_s": 0, "grace_s": 0, **settings}
    stack.settings |= {f"push.health.{name}": value for name, value in fast.items()}
    async with stack.serving_here(clock):
        yield Watched(stack, clock)


@asynccontextmanager
async def told(stack: Stack) -> AsyncIterator[tuple[Receiver, SmtpService]]:
    """Whoever is told: a receiver of hooks, and a mail server."""
    async with AsyncExitStack() as exits:
        receiver, ca_file = await exits.enter_async_context(receiving(stack.folder))
        smtp = await exits.enter_async_context(smtp_service.serving(SmtpService()))
        mail_ca = stack.folder / "mail-ca.pem"
        await asyncio.to_thread(smtp.authority.cert_pem.write_to_path, str(mail_ca))
        stack.settings |= {
            "push.hooks.allow_private_hosts": True,
            "push.hooks.ca_file": ca_file,
            "push.email.allow_private_hosts": True,
            "push.email.ca_file": str(mail_ca),
            "push.email.timeout_s": 5,
        }
        yield receiver, smtp


async def test_a_gateway_that_dies_is_found_and_told_once_by_hook_and_mail(own_stack: Stack) -> None:
    stack = own_stack
    async with told(stack) as (receiver, smtp), watched(stack, alert_emails=["ops@shop.example"]) as fleet:
        operator = await stack.operator()
        await operator.put("/v1/credentials/email/default", credential(smtp))
        hook = await operator.post("/v1/hooks", {"url": receiver.url, "kinds": ["health.opened", "health.cleared"]})
        boxes = [await stack.add_gateway("g1"), await stack.add_gateway("g2")]
        for box in boxes:
            await stack.start_gateway(box, **OFTEN)
        await fleet.pass_time(2, "g1", "g2")
        assert await fleet.findings() == []
        assert boxes[1].actor is not None
        await boxes[1].actor.stop(signal.SIGKILL)
        died_ms = fleet.clock.now_ms()
        boxes[1].actor = None
        await fleet.pass_time(2, "g1")
        finding = await fleet.until_found("offline", "g2")
        assert (finding["store"], finding["severity"]) == (STORE, "now")
        assert abs(finding["since_ms"] - died_ms) <= 5000
        await stack.until("the hook to be told", lambda: _so(receiver.taken))
        await stack.until("the mail to arrive", lambda: _so(smtp.mails))
        await fleet.pass_time(4, "g1")
        [post] = receiver.taken
        assert receiver.verified(hook["secret"], post)
        assert post.body["type"] == "health.opened"
        assert post.body["data"]["store"] == STORE
        assert [f["subject"] for f in post.body["data"]["findings"]] == ["g2"]
        [mail] = smtp.mails
        assert mail.recipient == "ops@shop.example"
        assert mail.mail["Subject"] == f"Footfall: store {STORE}: 1 finding, 1 cannot wait"
        async with stack.http.get(f"{stack.url}/metrics") as answer:
            assert 'footfall_findings{kind="offline"} 1.0' in await answer.text()
        await stack.start_gateway(boxes[1], **OFTEN)
        await fleet.pass_time(4, "g1", "g2")
        await stack.until("the hook to be told that it is over", lambda: _so(len(receiver.taken) > 1))
        assert [post.body["type"] for post in receiver.taken] == ["health.opened", "health.cleared"]
        assert await fleet.findings() == []
        assert [f["subject"] for f in await fleet.findings("?open=false")] == ["g2"]


async def _so(what: object) -> bool:
    return bool(what)


async def test_a_restart_of_the_server_floods_nobody_and_keeps_what_somebody_knows(own_stack: Stack) -> None:
    """Gateways are away as long as the server's own broker is: that is nobody's fault but ours."""
    stack = own_stack
    async with watched(stack) as fleet:
        await stack.start_gateway(await stack.add_gateway("g1"), **OFTEN)
        await stack.start_gateway(await stack.add_gateway("g2"), **OFTEN)
        await fleet.pass_time(1, "g1", "g2")
        dead = stack.boxes["g1"]
        assert dead.actor is not None
        await dead.actor.stop(signal.SIGKILL)
        dead.actor = None
        await fleet.pass_time(2, "g2")
        finding = await fleet.until_found("offline", "g1")
        known = f"/v1/health/findings/{finding['id']}/known"
        kept = await (await stack.operator()).post(known, {"for_h": 24, "note": "the van comes tomorrow"})
        assert kept["known_note"] == "the van comes tomorrow"
        assert kept["known_by"].startswith("operator:token/")
    shifted_ms = fleet.clock.shift_ms
    async with watched(stack) as fleet:
        fleet.clock.shift_ms = shifted_ms + 600_000
        await fleet.pass_time(2, "g2")
        [again] = await fleet.findings()
        assert (again["id"], again["since_ms"]) == (finding["id"], finding["since_ms"])
        assert again["known_until_ms"] == kept["known_until_ms"]
        assert await fleet.findings("?known=false") == []


async def test_a_fixtures_voltage_comes_over_the_air_through_a_gateway_to_its_page(own_stack: Stack) -> None:
    stack = own_stack
    address = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(6))
    beacon = {"id": "shelf", "role": "fixture", "format": "uid", "static_id": (SHELF.namespace + SHELF.instance).hex()}
    async with watched(stack) as fleet:
        operator = await stack.operator()
        await operator.put(f"/v1/stores/{STORE}/zones/z1", {"store": STORE, "id": "z1", "name": "Shoes"})
        await operator.put(
            "/v1/beacons/shelf", {"beacon": {**beacon, "store": STORE, "zone": "z1", "battery": "CR2477"}}
        )
        box = await stack.add_gateway()
        await stack.start_gateway(box, **OFTEN)
        await stack.until_configured(box)

        async def say() -> None:
            for n in range(10_000):
                frame = BATTERY if n % 10 == 9 else SHELF  # every tenth, as beacons do
                stack.ether.air.send(Heard("g1", address, -60, ad.join(*encode(frame)), 0))
                await asyncio.sleep(0.1)

        async with background(say(), name="a fixture"):
            heard_ms: list[int] = []

            async def is_heard_twice() -> bool:  # a beacon at rest is reported every five seconds: telemetry with it
                found = await stack.get("/v1/beacons/shelf/health")
                heard_ms.extend(link["last_ms"] for link in found["heard_by"])
                return bool(heard_ms) and heard_ms[-1] - heard_ms[0] >= REPORTED_MS

            await stack.until("the fixture to be reported twice", is_heard_twice)
            await fleet.pass_time(1, "g1")
            found = await stack.get("/v1/beacons/shelf/health")
        assert found["battery"]["days"][0]["battery_mv"] == BATTERY.battery_mv
        assert found["battery"]["kind"] == "CR2477"
        assert found["battery"]["empty_ms"] is None
        assert found["battery"]["why"] == "0 of 10 days are known"
        assert [link["gateway"] for link in found["heard_by"]] == ["g1"]
        assert sum(hour["packets"] for hour in found["hours"]) > 0
        said = await stack.get("/v1/gateways/g1/health")
        assert said["status"]["state"] == "online"
        assert json.dumps(said).count("secret") == 0
