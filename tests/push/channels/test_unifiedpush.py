"""UnifiedPush is Web Push to the distributor that its user chose: RFC 8030 and 8291 over HTTPS, as ntfy speaks it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import http_ece
import pytest

from firmware_sim.webpush import SubscriptionKeys
from push.channels import vapid, webpush
from push.channels.webpush import WebPush, WebPushSettings
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import BusyError, DeviceGoneError, PermanentError
from tests.support import webhook_service
from tests.support.webhook_service import Receiver, Reply, Request

NOW_MS = 1_800_000_000_000
KEYS = SubscriptionKeys.generate()


class Distributor(Receiver):
    """Takes messages of 1 to 4096 bytes for the topics that it knows; looks at no header but the encoding."""

    def __init__(self, *topics: str) -> None:
        super().__init__()
        self.topics = {topic: list[bytes]() for topic in topics}

    def usual(self, request: Request) -> Reply:
        inbox = self.topics.get(request.path.strip("/").partition("?")[0])
        if inbox is None:
            return Reply(404)
        if request.headers.get("Content-Encoding") != "aes128gcm" or not request.body:
            return Reply(400)
        if len(request.body) > 4096:
            return Reply(413)
        inbox.append(request.body)
        return Reply(201, {"TTL": "0"})


def outgoing(endpoint: str, name: str = "m1") -> Outgoing:
    message = Message(
        id=name,
        shopper="ada",
        campaign="welcome",
        content=Content(title="Welcome", body="Your coffee is on us"),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 60_000,
        collapse_key="welcome",
    )
    address = KEYS.address(endpoint)
    return Outgoing(delivery=f"d-{name}", device="phone", message=message, address=address, now_ms=NOW_MS)


@pytest.fixture
async def distributor() -> AsyncIterator[Distributor]:
    async with webhook_service.serving(Distributor("upAbc")) as running:
        yield running


@pytest.fixture
async def channel(distributor: Distributor, tmp_path: Path) -> AsyncIterator[WebPush]:
    distributor.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings = WebPushSettings(allow_private_hosts=True, ca_file=str(tmp_path / "ca.pem"))
    async with webpush.connect(settings, vapid.generate()) as connected:
        yield connected


async def test_a_message_arrives_encrypted_for_the_app_alone(distributor: Distributor, channel: WebPush) -> None:
    endpoint = f"{distributor.origin}/upAbc?up=1"
    channel.check_address(KEYS.address(endpoint))
    accepted = await channel.send(outgoing(endpoint))

    [body] = distributor.topics["upAbc"]
    assert b"coffee" not in body
    plaintext = http_ece.decrypt(body, private_key=KEYS.private, auth_secret=KEYS.auth, version="aes128gcm")
    assert json.loads(plaintext)["body"] == "Your coffee is on us"
    assert (accepted.status, accepted.reference) == (201, None)
    assert distributor.requests[0].headers["Authorization"].startswith("vapid t=")


async def test_it_replaces_nothing_so_that_the_app_must_know_a_repeat_by_its_id(
    distributor: Distributor, channel: WebPush
) -> None:
    for name in ("m1", "m1", "m2"):
        await channel.send(outgoing(f"{distributor.origin}/upAbc", name))

    ids = [
        json.loads(http_ece.decrypt(body, private_key=KEYS.private, auth_secret=KEYS.auth, version="aes128gcm"))["id"]
        for body in distributor.topics["upAbc"]
    ]
    assert ids == ["m1", "m1", "m2"]


async def test_202_is_accepted_too(distributor: Distributor, channel: WebPush) -> None:
    distributor.replies.append(Reply(202))
    assert (await channel.send(outgoing(f"{distributor.origin}/upAbc"))).status == 202


async def test_an_app_that_was_uninstalled_is_gone(distributor: Distributor, channel: WebPush) -> None:
    with pytest.raises(DeviceGoneError, match="subscription_unknown"):
        await channel.send(outgoing(f"{distributor.origin}/upXyz"))


async def test_a_distributor_that_has_enough_for_now_is_left_alone(distributor: Distributor, channel: WebPush) -> None:
    distributor.replies.append(Reply(429, {"Retry-After": "5"}))
    with pytest.raises(BusyError) as caught:
        await channel.send(outgoing(f"{distributor.origin}/upAbc"))
    assert caught.value.retry_after_ms == 5000


async def test_a_distributor_inside_our_own_network_is_never_connected_to(distributor: Distributor) -> None:
    async with webpush.connect(WebPushSettings(), vapid.generate()) as channel:
        with pytest.raises(PermanentError, match="address_not_public"):
            await channel.send(outgoing(f"{distributor.origin}/upAbc"))
    assert distributor.requests == []
