"""Gateways enrol with a code, are let in by the broker with what they got, and are shut out when that is revoked."""

import asyncio
import hashlib
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import structlog
import trustme
from cryptography import x509

from beacons.topics import topic
from beacons.wire import GatewayConfig, Status, WireError, broker_password, key_of, open_sealed, seal
from push.access.limits import LOOPBACK
from push.enrolment.site import EnrolmentSettings
from push.settings import BrokerSettings, HttpSettings
from tests.support.clocks import SettableClock
from tests.support.enrolling import GATEWAY, PATH, Box, code, logged_in, new_box, registered
from tests.support.servers import DEADLINE_S, REGISTRY, STORE, Caller, becomes, serving, settings

HOUR_MS = 3_600_000


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return new_box(tmp_path)


async def enrolled(server: Caller, box: Box) -> dict[str, Any]:
    answer = await box.enrol(server, await code(server))
    assert answer.status == 200, answer
    got: dict[str, Any] = answer.json
    return got


async def config_of(client: aiomqtt.Client, got: dict[str, Any]) -> GatewayConfig:
    """The configuration that the broker keeps for it, authentic under its secret.

    One under a secret from before may come first; a gateway leaves it, too.
    """
    secret = key_of(bytes.fromhex(got["secret"]))
    where = topic(got["store"], got["gateway"], "config")
    async with asyncio.timeout(DEADLINE_S):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            with suppress(WireError):
                return open_sealed(message.payload, {secret.id: secret.secret}, "down", where, GatewayConfig)
    raise AssertionError("the connection ended")


async def test_a_box_with_a_code_becomes_the_gateway(any_server: Caller, box: Box) -> None:
    server = any_server
    await registered(server)
    made = await server.operate("POST", f"{PATH}/code")
    assert made["url"] == f"{server.running.http_url}/enrol/{made['code']}"
    assert made["qr"].startswith("<svg")
    answer = await box.enrol(server, made["code"].lower().replace("-", " "))
    got = answer.json
    assert (got["gateway"], got["store"], got["username"]) == (GATEWAY, STORE, GATEWAY)
    assert got["password"] == broker_password(bytes.fromhex(got["secret"]))
    assert (got["ca"], got["certificate"], got["config"]) == (None, None, {})
    async with logged_in(got) as client:
        assert (await config_of(client, got)).version > 0
    state = await server.operate("GET", f"{PATH}/enrolment")
    assert (state["state"], state["host"], state["code_expires_ms"]) == ("enrolled", "box-1", None)


async def test_a_code_in_a_browser_is_a_page_and_uses_nothing_up(server: Caller, box: Box) -> None:
    await registered(server)
    one = await code(server)
    page = await server.call("GET", f"/enrol/{one}")
    text = page.raw.decode()
    assert (page.status, one in text) == (200, True)
    assert f"footfall-gateway enrol &#x27;{server.running.http_url}/enrol/{one}&#x27;" in text or one in text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (await server.call("GET", "/enrol/nothing")).status == 404
    assert (await server.call("GET", "/enrol/AAAA-BBBB-CCCC-DDDD")).status == 200  # nobody learns which codes there are
    assert (await box.enrol(server, one)).status == 200


async def test_whatever_is_wrong_with_a_code_is_answered_alike(tmp_path: Path, box: Box) -> None:
    clock = SettableClock(1_800_000_000_000)
    async with serving(settings(tmp_path / "data"), clock) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await registered(server)
        replaced = await code(server)
        used = await code(server)
        assert (await box.enrol(server, used)).status == 200
        expired = await code(server)
        clock.advance(24 * HOUR_MS)
        answers = [
            await box.enrol(server, one) for one in (replaced, used, expired, "AAAA-BBBB-CCCC-DDDD", "", "x", "ü" * 9)
        ]
    assert {(a.status, a.raw) for a in answers} == {(401, answers[0].raw)}


async def test_of_two_boxes_with_one_code_one_becomes_the_gateway(any_server: Caller, box: Box) -> None:
    await registered(any_server)
    one = await code(any_server)
    answers = await asyncio.gather(*(box.enrol(any_server, one) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401, 401]


@pytest.mark.parametrize("csr", ["", "no request", "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END"])
async def test_a_request_that_is_none_uses_no_code_up(server: Caller, box: Box, csr: str) -> None:
    await registered(server)
    one = await code(server)
    refused = await server.call("POST", "/v1/enrol", body={"code": one, "csr": csr})
    assert (refused.status, "csr" in refused.json["detail"]) == (400, True)
    assert (await box.enrol(server, one)).status == 200


async def listen(client: aiomqtt.Client) -> None:
    """Until the connection ends."""
    async with asyncio.timeout(DEADLINE_S):
        async for _ in client.messages:
            pass


async def test_a_revoked_gateway_is_cut_off_at_once_and_stays_registered(any_server: Caller, box: Box) -> None:
    server = any_server
    await registered(server)
    got = await enrolled(server, box)
    async with logged_in(got) as client:
        await config_of(client, got)
        assert (await server.call("DELETE", f"{PATH}/enrolment", server.operator)).status == 204
        with pytest.raises(aiomqtt.MqttError):
            await listen(client)
    with pytest.raises(aiomqtt.MqttError):
        async with logged_in(got):
            pass
    state = await server.operate("GET", f"{PATH}/enrolment")
    assert state["state"] == "revoked"
    again = await enrolled(server, box)
    assert again["secret"] != got["secret"]
    async with logged_in(again) as client:
        await config_of(client, again)


async def say(client: aiomqtt.Client, secret: str, version: int = 2) -> None:
    """A status, tagged with a secret."""
    where = topic(STORE, GATEWAY, "status")
    status = Status(state="online", version="0.1.0", boot="0" * 16, config_version=version, config_since_ms=77)
    await client.publish(where, seal(status, key_of(bytes.fromhex(secret)), "up", where), qos=1)


async def applied(server: Caller) -> dict[str, Any]:
    found: dict[str, Any] = (await server.operate("GET", f"{PATH}/config"))["gateways"][0]
    return found


async def test_enrolling_again_takes_another_secret_and_still_accepts_the_one_before(server: Caller, box: Box) -> None:
    await registered(server)
    first = await enrolled(server, box)
    second = await enrolled(server, box)
    with pytest.raises(aiomqtt.MqttError):
        async with logged_in(first):
            pass
    async with logged_in(second) as client:
        await say(client, first["secret"])

        async def heard() -> bool:
            return bool((await applied(server))["online"])

        await becomes(heard, "what was tagged with the secret before")


@pytest.mark.parametrize(("method", "leaf"), [("POST", "code"), ("GET", "enrolment"), ("DELETE", "enrolment")])
async def test_a_gateway_that_is_not_there_has_no_enrolment(server: Caller, method: str, leaf: str) -> None:
    answer = await server.call(method, f"/v1/stores/{STORE}/gateways/nobody/{leaf}", server.operator)
    assert (answer.status, answer.json["title"]) == (404, "Not there")


async def test_who_guesses_codes_must_wait(server: Caller, box: Box) -> None:
    first = answer = await box.enrol(server, "AAAA-BBBB-CCCC-DDDD")
    for _ in range(10 * LOOPBACK.burst):  # some tries come back while a busy machine guesses
        if answer.status == 429:
            break
        answer = await box.enrol(server, "AAAA-BBBB-CCCC-DDDD")
    assert (first.status, answer.status) == (401, 429)
    assert int(answer.headers["Retry-After"]) >= 1


async def test_neither_log_nor_database_tells_a_secret_and_the_trail_tells_who_enrolled_what(
    server: Caller, box: Box
) -> None:
    with structlog.testing.capture_logs() as logs:
        await registered(server)
        one = await code(server)
        got = (await box.enrol(server, one)).json
        assert (await server.call("DELETE", f"{PATH}/enrolment", server.operator)).status == 204
    kept = await asyncio.to_thread(database_bytes, server.folder)
    for secret in (one, one.replace("-", ""), got["secret"], got["password"]):
        assert secret not in str(logs)
        assert secret.encode() not in kept
    for action in (b"make enrolment code", b"enrol gateway", b"revoke enrolment"):
        assert action in kept


def database_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("push.db*")))


# --- certificates -----------------------------------------------------------------------------------------------------


async def test_with_own_certificates_only_who_shows_one_is_let_in(tmp_path: Path, box: Box) -> None:
    broker = BrokerSettings(free_ports=True, client_certificates="own")
    async with serving(settings(tmp_path / "data", broker=broker)) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await registered(server)
        got = await enrolled(server, box)
        assert got["brokers"][0].startswith("mqtts://127.0.0.1:")
        certificate = x509.load_pem_x509_certificate(got["certificate"].encode())
        assert certificate.subject.rfc4514_string() == f"CN={GATEWAY}"
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(got["ca"].encode()))
        async with logged_in(got, box.tls(got["ca"], got["certificate"])) as client:
            await config_of(client, got)
        with pytest.raises((aiomqtt.MqttError, ssl.SSLError)):
            async with logged_in(got, box.tls(got["ca"], None)):
                pass
        state = await server.operate("GET", f"{PATH}/enrolment")
        assert state["serial"] == f"{certificate.serial_number:x}"
        two_years_ms = 2 * 365 * 24 * HOUR_MS
        assert abs(state["certificate_expires_ms"] - state["at_ms"] - two_years_ms) < 48 * HOUR_MS


async def test_on_a_lan_the_broker_speaks_tls_with_a_certificate_of_its_own(tmp_path: Path, box: Box) -> None:
    broker = BrokerSettings(free_ports=True, host="0.0.0.0")  # noqa: S104 - what makes it a LAN
    asked = settings(tmp_path / "data", broker=broker)
    fingerprints = []
    for _ in range(2):  # a restart keeps it: what gateways trust stays
        async with serving(asked) as server:
            await server.operate("PUT", "/v1/registry", REGISTRY)
            await registered(server)
            got = await enrolled(server, box)
            assert got["certificate"] is None
            async with logged_in(got, box.tls(got["ca"], None)) as client:
                await config_of(client, got)
        fingerprints.append(hashlib.sha256((tmp_path / "data" / "broker-tls" / "server.pem").read_bytes()).digest())
    assert fingerprints[0] == fingerprints[1]


async def test_with_the_sites_own_authority_gateways_bring_their_certificates(tmp_path: Path, box: Box) -> None:
    site = trustme.CA()
    (tmp_path / "site.pem").write_bytes(site.cert_pem.bytes())
    broker = BrokerSettings(free_ports=True, client_certificates="site", client_ca_file=str(tmp_path / "site.pem"))
    async with serving(settings(tmp_path / "data", broker=broker)) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await registered(server)
        got = await enrolled(server, box)
        assert got["certificate"] is None
        context = ssl.create_default_context(cadata=got["ca"])
        site.issue_cert("gw-1").configure_cert(context)
        async with logged_in(got, context) as client:
            await config_of(client, got)


async def test_the_code_says_whom_to_trust_where_no_public_authority_does(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("push.example")
    file = tmp_path / "site.pem"
    issued.cert_chain_pems[0].write_to_path(file)
    expected = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read_text())).hexdigest()
    asked = settings(
        tmp_path / "data",
        http=HttpSettings(port=0, public_url="https://push.example"),
        enrolment=EnrolmentSettings(certificate_file=str(file)),
    )
    async with serving(asked) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await registered(server)
        made = await server.operate("POST", f"{PATH}/code")
    assert made["url"] == f"https://push.example/enrol/{made['code']}#sha256={expected}"


# --- remote settings --------------------------------------------------------------------------------------------------


async def test_what_is_set_for_the_store_and_for_the_gateway_reaches_it(any_server: Caller, box: Box) -> None:
    server = any_server
    await registered(server)
    got = await enrolled(server, box)
    await server.operate("PUT", f"/v1/stores/{STORE}/config", {"steady_ms": 8000, "company_ms": 200})
    await server.operate("PUT", f"{PATH}/config", {"company_ms": 50})
    seen = await server.operate("GET", f"{PATH}/config")
    assert seen["settings"] == {"company_ms": 50}
    assert (seen["effective"]["steady_ms"], seen["effective"]["company_ms"]) == (8000, 50)
    async with logged_in(got) as client:
        told = await config_of(client, got)
        assert (told.steady_ms, told.company_ms, told.changing_ms) == (8000, 50, 1000)
        assert told.version == seen["gateways"][0]["wanted_version"]
        assert seen["gateways"][0]["in_force"] is False
        await say(client, got["secret"], told.version)

        async def in_force() -> bool:
            row = await applied(server)
            return bool(row["in_force"] and row["since_ms"] == 77)

        await becomes(in_force, "the configuration in force")


async def test_settings_that_fit_together_in_no_way_are_refused_also_through_inheritance(server: Caller) -> None:
    await registered(server)
    refused = await server.call("PUT", f"{PATH}/config", server.operator, {"changing_ms": 6000})
    assert (refused.status, "changing_ms (6000) is longer than steady_ms (5000)" in refused.json["detail"]) == (
        400, True,
    )  # fmt: skip
    await server.operate("PUT", f"{PATH}/config", {"forget_ms": 6000})
    refused = await server.call("PUT", f"/v1/stores/{STORE}/config", server.operator, {"steady_ms": 10_000})
    assert (refused.status, f"for gateway {GATEWAY}" in refused.json["detail"]) == (400, True)
    assert (await server.operate("GET", f"/v1/stores/{STORE}/config"))["settings"] == {}
