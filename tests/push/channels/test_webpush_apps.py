"""Web Push for several apps, each with a key pair of its own, and the whole message for each."""

import json
from collections.abc import AsyncIterator

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware_sim.push_service import Fault, PushService, serving
from firmware_sim.webpush import SubscriptionKeys
from push.channels import vapid, webpush
from push.channels.webpush import WebPush, WebPushCredential, WebPushSettings
from push.model.delivery import Action, Content, Message, Outgoing
from push.model.errors import BusyError, CredentialError, PermanentError, TransientError

NOW_MS = 1_800_000_000_000
KEY = vapid.generate()
KEYS = SubscriptionKeys.generate()
CONTENT = Content(
    title="Welcome",
    body="Your coffee is on us",
    actions=(Action(title="Take it", url="/take"),),
    data={"sku": "42"},
    locale="de",
)


def outgoing(endpoint: str, app: str = "default") -> Outgoing:
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=CONTENT,
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 60_000,
        collapse_key="welcome",
    )
    address = KEYS.address(endpoint)
    return Outgoing(delivery="d1", device="phone", message=message, address=address, now_ms=NOW_MS, app=app)


def made(contact: str = "mailto:cafe@shop.example") -> dict[str, object]:
    return webpush.complete({"contact": contact})


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with serving(PushService(clock_s=lambda: NOW_MS / 1000)) as running:
        yield running


@pytest.fixture
async def channel(service: PushService) -> AsyncIterator[WebPush]:
    async with webpush.connect(WebPushSettings(origin_overrides={service.origin: service.origin}), KEY) as connected:
        yield connected


async def test_actions_data_and_language_reach_the_service_worker(service: PushService, channel: WebPush) -> None:
    subscription = service.subscribe()
    accepted = await channel.send(outgoing(service.endpoint(subscription)))

    [pushed] = service.inboxes[subscription].waiting(NOW_MS / 1000)
    shown = json.loads(http_ece.decrypt(pushed.body, private_key=KEYS.private, auth_secret=KEYS.auth))
    assert shown["actions"] == [{"title": "Take it", "url": "/take"}]
    assert (shown["data"], shown["locale"]) == ({"sku": "42"}, "de")
    assert accepted.dropped == channel.fit(outgoing("https://push.example/1")) == ()


async def test_each_app_signs_with_its_own_key(service: PushService, channel: WebPush) -> None:
    channel.use({"cafe": made(), "museum": made()})
    keys = channel.application_server_keys

    for app in ("default", "cafe", "museum"):
        subscription = service.subscribe(keys[app])  # which refuses every other key
        await channel.send(outgoing(service.endpoint(subscription), app))
        other = service.endpoint(service.subscribe(keys["cafe" if app != "cafe" else "museum"]))
        with pytest.raises(PermanentError, match="vapid_refused"):
            await channel.send(outgoing(other, app))
    assert len(set(keys.values())) == 3
    assert keys["default"] == channel.application_server_key == vapid.application_server_key(KEY)


async def test_credentials_change_while_the_channel_runs(service: PushService, channel: WebPush) -> None:
    cafe = made()
    channel.use({"cafe": cafe})
    before = channel.application_server_keys["cafe"]
    channel.use({"cafe": cafe, "default": made("https://shop.example")})

    assert channel.application_server_keys["cafe"] == before
    assert channel.application_server_key != vapid.application_server_key(KEY)
    channel.use({})
    assert channel.application_server_key == vapid.application_server_key(KEY)
    with pytest.raises(CredentialError, match="no_credential"):
        await channel.send(outgoing(service.endpoint(service.subscribe()), "cafe"))
    assert not service.requests


async def test_a_key_is_made_once_and_named_by_its_public_half(channel: WebPush) -> None:
    draft = {"contact": "mailto:cafe@shop.example"}
    whole = webpush.complete(draft)
    channel.use({"cafe": whole})

    assert webpush.complete(whole) == whole
    assert (await channel.check("cafe", whole)).summary == channel.application_server_keys["cafe"]
    assert (await channel.check("cafe", draft)).warnings == ("it has no private_key yet",)
    with pytest.raises(PermanentError, match="private_key: expected"):
        channel.use({"cafe": draft})


def _another_kind_of_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        ({}, "contact"),
        ({"contact": "me"}, "contact"),
        ({"contact": "mailto:a@b.example", "private_key": "topsecret"}, "private_key: expected an unencrypted P-256"),
        ({"contact": "mailto:a@b.example", "private_key": _another_kind_of_key()}, "private_key: expected"),
        ({"contact": "mailto:a@b.example", "key": "topsecret"}, "unknown field `key`"),
    ],
)
async def test_a_malformed_credential_says_which_field(
    channel: WebPush, credential: dict[str, object], said: str
) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        await channel.check("cafe", credential)
    assert "topsecret" not in str(caught.value)


def test_the_private_key_stands_in_no_repr() -> None:
    assert repr(WebPushCredential(contact="mailto:a@b.example", private_key="topsecret")) == (
        "WebPushCredential(contact='mailto:a@b.example')"
    )


@pytest.mark.parametrize(("status", "busy"), [(429, True), (503, True), (500, False), (408, False)])
async def test_a_service_that_has_too_much_to_do_asks_for_less(
    service: PushService, channel: WebPush, status: int, *, busy: bool
) -> None:
    service.faults.append(Fault(status=status))
    with pytest.raises(TransientError) as caught:
        await channel.send(outgoing(service.endpoint(service.subscribe())))
    assert isinstance(caught.value, BusyError) == busy
