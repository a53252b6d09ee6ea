"""Access tokens: one exchange for all who wait, renewed before it is missed; and credentials, checked and replaced."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from push.channels import fcm
from push.channels.fcm import Fcm, FcmCredential
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import CredentialError, DeliveryError, PermanentError, TransientError
from tests.support import fcm_service
from tests.support.brokers import until
from tests.support.clocks import SettableClock
from tests.support.fcm_service import EMAIL, KEY_FILE, PEM, PROJECT, Fault, FcmService

NOW_MS = 1_800_000_000_000
GOOD: dict[str, object] = {"service_account": KEY_FILE}
MINUTE_MS = 60_000


def outgoing(app: str = "default") -> Outgoing:
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=Content(title="Welcome", body="Your coffee is on us"),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 600_000,
        collapse_key="welcome",
    )
    return Outgoing(delivery="d1", device="phone", message=message, address={"token": "a:b"}, now_ms=NOW_MS, app=app)


def with_account(**changes: Any) -> dict[str, object]:  # noqa: ANN401 - fields of any type
    return {"service_account": {**KEY_FILE, **changes}}


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW_MS)


@pytest.fixture
async def service(tmp_path: Path, clock: SettableClock) -> AsyncIterator[FcmService]:
    async with fcm_service.serving(tmp_path, clock) as running:
        yield running


@pytest.fixture
async def channel(service: FcmService, clock: SettableClock) -> AsyncIterator[Fcm]:
    async with fcm.connect(service.settings(), clock) as connected:
        yield connected


# --- the access token -------------------------------------------------------------------------------------------------


async def test_200_sends_at_once_need_one_exchange(service: FcmService, channel: Fcm) -> None:
    service.token_faults.append(Fault(delay_s=0.2))
    channel.use({"default": GOOD})

    await asyncio.gather(*(channel.send(outgoing()) for _ in range(200)))

    assert (len(service.asked), len(service.assertions)) == (200, 1)


async def test_the_token_is_there_before_the_first_push(service: FcmService, channel: Fcm) -> None:
    channel.use({"default": GOOD})

    await until(lambda: len(service.assertions) == 1)
    await channel.send(outgoing())

    assert len(service.assertions) == 1


async def test_a_token_is_used_until_five_minutes_before_its_end(
    service: FcmService, channel: Fcm, clock: SettableClock
) -> None:
    channel.use({"default": GOOD})
    await channel.send(outgoing())

    clock.advance(55 * MINUTE_MS - 1)
    await channel.send(outgoing())
    assert len(service.assertions) == 1

    clock.advance(1)
    await asyncio.gather(*(channel.send(outgoing()) for _ in range(50)))
    assert len(service.assertions) == 2


async def test_a_token_is_renewed_while_nobody_sends(service: FcmService, channel: Fcm) -> None:
    service.expires_in = 1
    channel.use({"default": GOOD})

    await until(lambda: len(service.assertions) >= 3)

    assert service.asked == []


async def test_without_a_token_server_a_token_still_serves_its_time(
    service: FcmService, channel: Fcm, clock: SettableClock
) -> None:
    channel.use({"default": GOOD})
    await channel.send(outgoing())
    service.token_faults.append(Fault(status=503))

    clock.advance(54 * MINUTE_MS)
    assert (await channel.send(outgoing())).status == 200

    clock.advance(MINUTE_MS)
    with pytest.raises(TransientError, match="oauth_unavailable"):
        await channel.send(outgoing())
    assert (await channel.send(outgoing())).status == 200


async def test_a_refused_token_is_replaced_once_for_all_who_had_it(service: FcmService, channel: Fcm) -> None:
    channel.use({"default": GOOD})
    await channel.send(outgoing())
    service.revoke()
    service.token_faults.append(Fault(delay_s=0.3))

    accepted = await asyncio.gather(*(channel.send(outgoing()) for _ in range(20)))

    assert [a.status for a in accepted] == [200] * 20
    assert len(service.assertions) == 2


async def test_a_token_that_is_refused_again_is_a_matter_of_the_credential(service: FcmService, channel: Fcm) -> None:
    channel.use({"default": GOOD})
    await channel.send(outgoing())
    service.faults.extend([Fault(status=401), Fault(status=401)])

    with pytest.raises(CredentialError, match="unauthenticated") as caught:
        await channel.send(outgoing())

    assert caught.value.status == 401
    assert len(service.asked) == 3


async def test_apples_refusal_of_the_project_is_no_fault_of_the_token(service: FcmService, channel: Fcm) -> None:
    channel.use({"default": GOOD})
    service.faults.append(Fault(status=401, code="THIRD_PARTY_AUTH_ERROR"))

    with pytest.raises(CredentialError, match="third_party_auth"):
        await channel.send(outgoing())

    assert (len(service.asked), len(service.assertions)) == (1, 1)


async def test_one_who_gives_up_waiting_spoils_it_for_nobody(service: FcmService, channel: Fcm) -> None:
    service.token_faults.append(Fault(delay_s=0.3))
    channel.use({"default": GOOD})
    impatient, patient = (asyncio.create_task(channel.send(outgoing())) for _ in range(2))
    await until(lambda: len(service.assertions) == 1)
    impatient.cancel()

    assert (await patient).status == 200
    assert impatient.cancelled()
    assert len(service.assertions) == 1


REFUSALS = [
    (Fault(status=400, body=b'{"error": "invalid_grant", "error_description": "Invalid JWT"}'), "oauth_invalid_grant"),
    (Fault(status=401, body=b'{"error": "invalid_client"}'), "oauth_invalid_client"),
    (Fault(status=400, body=b'{"error": "disabled: call 555"}'), "oauth_refused"),
]
TROUBLES = [
    (Fault(status=400, body=b"<html>"), "oauth_not_understood"),
    (Fault(status=404, body=b"<html>"), "oauth_not_understood"),
    (Fault(body=b"<html>"), "oauth_not_understood"),
    (Fault(body=b'{"access_token": "x"}'), "oauth_not_understood"),
    (Fault(body=b'{"access_token": "x", "expires_in": 0}'), "oauth_not_understood"),
    (Fault(body=b'{"access_token": "a\\r\\nHost: evil", "expires_in": 3600}'), "oauth_not_understood"),
    (Fault(body=b"[" * 60_000), "oauth_not_understood"),
    (Fault(body=b" " * (1 << 20)), "oauth_not_understood"),
    (Fault(status=503), "oauth_unavailable"),
    (Fault(status=429), "oauth_unavailable"),
    (Fault(cut=b""), "oauth_unreachable"),
    (Fault(delay_s=30), "oauth_unreachable"),
]


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [(f, CredentialError, r) for f, r in REFUSALS] + [(f, TransientError, r) for f, r in TROUBLES],
)
async def test_what_the_token_server_says_tells_refusal_from_trouble(
    service: FcmService, clock: SettableClock, fault: Fault, kind: type[DeliveryError], reason: str
) -> None:
    service.token_faults.append(fault)
    async with fcm.connect(service.settings(timeout_s=1), clock) as channel:
        channel.use({"default": GOOD})
        with pytest.raises(DeliveryError) as caught:
            await channel.send(outgoing())

        assert (type(caught.value), caught.value.reason) == (kind, reason)
        assert (await channel.send(outgoing())).status == 200


async def test_the_token_server_says_when_to_come_again(service: FcmService, channel: Fcm) -> None:
    service.token_faults.append(Fault(status=503, headers={"Retry-After": "9"}))
    channel.use({"default": GOOD})

    with pytest.raises(TransientError) as caught:
        await channel.send(outgoing())

    assert caught.value.retry_after_ms == 9000


# --- credentials ------------------------------------------------------------------------------------------------------


async def test_a_good_credential_is_tried_without_sending_anything(service: FcmService, channel: Fcm) -> None:
    checked = await channel.check("default", GOOD)

    assert checked.summary == f"project {PROJECT}, service account {EMAIL}"
    assert (checked.expires_ms, checked.warnings) == (None, ())
    [asked] = service.asked
    assert msgspec.json.decode(asked.raw)["validate_only"] is True


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=404, code="UNREGISTERED"),
        Fault(status=400, code="INVALID_ARGUMENT"),
        Fault(status=400, fields=("message.token",)),
        Fault(),
    ],
)
async def test_that_nobody_has_the_token_of_a_dry_run_means_that_the_credential_works(
    service: FcmService, channel: Fcm, fault: Fault
) -> None:
    service.faults.append(fault)

    assert (await channel.check("default", GOOD)).expires_ms is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=403), "permission_denied"),
        (Fault(status=401), "unauthenticated"),
        (Fault(status=404), "project_not_found"),
    ],
)
async def test_a_credential_that_the_service_refuses_is_not_good(
    service: FcmService, channel: Fcm, fault: Fault, reason: str
) -> None:
    service.faults.extend([fault, fault])

    with pytest.raises(CredentialError, match=reason):
        await channel.check("default", GOOD)


async def test_a_credential_of_another_project_or_key_is_not_good(service: FcmService, channel: Fcm) -> None:
    with pytest.raises(CredentialError, match="project_not_found"):
        await channel.check("default", with_account(project_id="shop-2"))
    stranger = await asyncio.to_thread(rsa.generate_private_key, 65537, 2048)
    with pytest.raises(CredentialError, match="oauth_invalid_grant"):
        await channel.check("default", with_account(private_key=pem(stranger)))

    assert len(service.asked) == 1


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(body=b"<html>"), Fault(status=302)])
async def test_a_service_in_trouble_says_nothing_about_a_credential(
    service: FcmService, channel: Fcm, fault: Fault
) -> None:
    service.faults.append(fault)

    with pytest.raises(DeliveryError) as caught:
        await channel.check("default", GOOD)

    assert not isinstance(caught.value, CredentialError)


MALFORMED: list[tuple[dict[str, object], str]] = [
    ({}, "service_account"),
    (dict(KEY_FILE), "unknown field"),
    ({**GOOD, "topic": "news"}, "topic"),
    ({**GOOD, "private": "no"}, "private"),
    ({"service_account": "{}"}, "service_account"),
    ({"service_account": {"type": "authorized_user", "client_id": "1"}}, "project_id"),
    (with_account(project_id="../../v2"), "project_id"),
    (with_account(private_key="-----BEGIN PRIVATE KEY-----\nGEHEIM\n-----END PRIVATE KEY-----"), "private_key"),
    (with_account(private_key=pem(ec.generate_private_key(ec.SECP256R1()))), "private_key"),
    (with_account(private_key=pem(rsa.generate_private_key(65537, 1024))), "private_key"),  # noqa: S505 - to be refused
    (with_account(token_uri="http://oauth2.example/token"), "token_uri"),  # noqa: S106 - a URL
    (with_account(token_uri="https://user@oauth2.example/token"), "token_uri"),  # noqa: S106 - a URL
    (with_account(token_uri="token"), "token_uri"),  # noqa: S106 - a URL
]


@pytest.mark.parametrize(("credential", "where"), MALFORMED, ids=[str(n) for n in range(len(MALFORMED))])
async def test_a_malformed_credential_says_where_and_not_what(
    service: FcmService, channel: Fcm, credential: dict[str, object], where: str
) -> None:
    with pytest.raises(PermanentError, match="bad_credential") as caught:
        await channel.check("default", credential)

    assert where in caught.value.reason
    assert [told for told in ("GEHEIM", PEM[100:130], "MII") if told in caught.value.reason] == []
    assert service.assertions == []


@pytest.mark.parametrize("uri", ["https://127.0.0.1:9/token", "https://localhost:9/token", "https://[::1]:9/token"])
async def test_a_token_server_inside_our_own_network_is_never_asked(channel: Fcm, uri: str) -> None:
    with pytest.raises(CredentialError, match="oauth_address_not_public"):
        await channel.check("default", with_account(token_uri=uri))


def test_a_credential_shows_no_secret() -> None:
    credential = msgspec.convert(GOOD, FcmCredential)

    assert EMAIL in repr(credential)
    assert PEM[30:60] not in repr(credential).replace("\\n", "\n")
    assert "PRIVATE KEY" not in repr(credential)


async def test_apps_have_each_their_own_project(service: FcmService, channel: Fcm) -> None:
    channel.use({"default": GOOD, "other": with_account(project_id="shop-2")})

    assert (await channel.send(outgoing())).status == 200
    with pytest.raises(PermanentError, match="not_found"):
        await channel.send(outgoing("other"))
    assert len(service.assertions) == 2


async def test_an_app_that_did_not_change_keeps_its_token(service: FcmService, channel: Fcm) -> None:
    channel.use({"default": GOOD})
    await channel.send(outgoing())

    channel.use({"default": GOOD, "new": {**GOOD, "private": False}})
    await channel.send(outgoing())
    await channel.send(outgoing("new"))

    assert len(service.assertions) == 2


async def test_what_is_on_its_way_when_a_credential_goes_ends_as_it_began(service: FcmService, channel: Fcm) -> None:
    service.token_faults.append(Fault(delay_s=0.3))
    channel.use({"default": GOOD})
    sending = asyncio.create_task(channel.send(outgoing()))
    await until(lambda: len(service.assertions) == 1)

    channel.use({})

    assert (await sending).status == 200
    with pytest.raises(CredentialError, match="no_credential"):
        await channel.send(outgoing())


async def test_a_credential_that_cannot_be_used_changes_nothing(channel: Fcm) -> None:
    channel.use({"default": GOOD})

    with pytest.raises(PermanentError, match="token_uri"):
        channel.use({"default": with_account(token_uri="http://x/")})  # noqa: S106 - a URL

    assert (await channel.send(outgoing())).status == 200


async def test_a_key_that_was_never_checked_is_a_matter_of_the_credential(channel: Fcm) -> None:
    channel.use({"default": with_account(private_key="lost")})

    with pytest.raises(CredentialError, match="private_key_unusable"):
        await channel.send(outgoing())


async def test_closing_does_not_wait_for_a_token(service: FcmService, clock: SettableClock) -> None:
    service.token_faults.append(Fault(delay_s=30))
    async with asyncio.timeout(5), fcm.connect(service.settings(timeout_s=60), clock) as channel:
        channel.use({"default": GOOD})
        await until(lambda: len(service.assertions) == 1)


async def test_an_override_that_is_no_origin_stops_the_start(service: FcmService, clock: SettableClock) -> None:
    with pytest.raises(ValueError, match="URL"):
        async with fcm.connect(service.settings(origin_overrides={"fcm": service.origin}), clock):
            pass
