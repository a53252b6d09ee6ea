"""`footfall-gateway enrol` as a process, against a real HTTPS server that keeps the contract."""

import asyncio
import os
import ssl
import stat
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509

from beacons.wire import broker_password, key_of
from gateway.credentials import read_credentials
from gateway.settings import GatewaySettings, read_settings
from tests.support.enrolment import HOST, EnrolServer

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).with_name("footfall-gateway"))
FIRST, SECOND, THIRD = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
CODE = "k3Fq-9_xzQ7"


@pytest.fixture
async def server() -> AsyncIterator[EnrolServer]:
    async with EnrolServer().serving() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "footfall" / "config.toml"


async def enrol(config: Path, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """Exit status, and all that it said; which never names what is secret."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "enrol",
        "--config",
        str(config),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(stdin.encode())
    text = said.decode()
    for hidden in (FIRST.hex(), SECOND.hex(), THIRD.hex(), "a password of its own", CODE):
        assert hidden not in text
    assert process.returncode is not None
    return process.returncode, text


def pinned(server: EnrolServer, code: str = CODE) -> str:
    """What the QR says."""
    return f"{server.url}/enrol/{code}#sha256={server.pin.hex()}"


async def settings(config: Path) -> GatewaySettings:
    return await asyncio.to_thread(read_settings, config, {})


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_a_code_becomes_a_gateway_that_may_connect(server: EnrolServer, config: Path) -> None:
    server.expect(CODE, FIRST)
    status, said = await enrol(config, pinned(server))
    assert status == 0, said
    assert "enrolled as gateway g1 of store s1" in said
    assert "footfall-gateway doctor" in said
    assert "systemctl enable --now footfall-gateway" in said
    chosen = await settings(config)
    credentials = await asyncio.to_thread(read_credentials, chosen, str(config))
    assert credentials.key == key_of(FIRST)
    assert (credentials.username, credentials.password) == ("g1", "a password of its own")
    assert chosen.uplink.brokers == ("mqtts://127.0.0.1:8883",)
    assert await asyncio.to_thread(modes, config.parent) == {0o600}
    (request,) = server.said
    assert x509.load_pem_x509_csr(request["csr"].encode()).is_signature_valid
    assert set(request) == {"code", "csr", "version", "host"}


async def test_what_derives_from_the_secret_needs_no_file(server: EnrolServer, config: Path) -> None:
    server.expect(CODE, FIRST, password=broker_password(FIRST), ca=None, certificate=None)
    status, said = await enrol(config, pinned(server))
    assert status == 0, said
    names = {path.name for path in await asyncio.to_thread(lambda: list(config.parent.iterdir()))}
    assert names == {"config.toml", f"gateway.{key_of(FIRST).id}.secret"}
    assert (await settings(config)).uplink.password_file is None


async def test_a_code_alone_takes_the_server_and_its_authority(
    server: EnrolServer, config: Path, tmp_path: Path
) -> None:
    server.expect(CODE, FIRST)
    ca = tmp_path / "ca.pem"
    server.authority.cert_pem.write_to_path(str(ca))
    status, said = await enrol(config, "--server", server.url, "--ca", str(ca), "-", stdin=f"{CODE}\n")
    assert status == 0, said


async def test_an_enrolled_gateway_is_not_overwritten_but_by_saying_so(server: EnrolServer, config: Path) -> None:
    server.expect(CODE, FIRST)
    await enrol(config, pinned(server))
    before = await asyncio.to_thread(config.read_bytes)
    server.expect("second-code", SECOND)
    status, said = await enrol(config, pinned(server, "second-code"))
    assert status == 1
    assert "enrolled already, as gateway g1 of store s1" in said
    assert "--again" in said
    assert len(server.said) == 1  # so that the code still holds
    assert await asyncio.to_thread(config.read_bytes) == before
    status, said = await enrol(config, "--again", pinned(server, "second-code"))
    assert status == 0, said
    assert "systemctl reload-or-restart footfall-gateway" in said
    credentials = await asyncio.to_thread(read_credentials, await settings(config), str(config))
    assert credentials.key == key_of(SECOND)
    assert set(credentials.accepted) == {key_of(FIRST).id, key_of(SECOND).id}


async def test_only_two_generations_are_kept(server: EnrolServer, config: Path) -> None:
    for code, secret in (("code-1", FIRST), ("code-2", SECOND), ("code-3", THIRD)):
        server.expect(code, secret)
        status, said = await enrol(config, "--again", pinned(server, code))
        assert status == 0, said
    names = {path.name for path in await asyncio.to_thread(lambda: list(config.parent.iterdir()))}
    assert f"gateway.{key_of(FIRST).id}.secret" not in names
    assert {f"gateway.{key_of(secret).id}.secret" for secret in (SECOND, THIRD)} <= names


async def test_in_another_store_s_place_the_old_secret_counts_no_more(server: EnrolServer, config: Path) -> None:
    server.expect(CODE, FIRST)
    await enrol(config, pinned(server))
    server.expect("second-code", SECOND, store="s2", gateway="g7", username="other")
    status, said = await enrol(config, "--again", pinned(server, "second-code"))
    assert status == 0, said
    chosen = await settings(config)
    assert (chosen.id, chosen.store, chosen.uplink.username) == ("g7", "s2", "other")
    assert chosen.previous_secret_file is None


async def test_what_people_set_stays(server: EnrolServer, config: Path) -> None:
    def write() -> None:
        config.parent.mkdir(parents=True)
        config.write_text(
            '# ours\n[gateway.scan]\nadapter = "hci1"\nmode = "passive"\n[gateway.uplink]\nprotocol = "5"\n'
            'keepalive_s = 30\n[push.http]\nhost = "\\u00e4\\\\ \\"x\\""\nlist = [1, 2.5, true, {a = "b"}]\n'
        )
        config.chmod(0o644)

    await asyncio.to_thread(write)
    server.expect(CODE, FIRST)
    status, said = await enrol(config, pinned(server))
    assert status == 0, said
    chosen = await settings(config)
    assert (chosen.scan.adapter, chosen.scan.mode, chosen.uplink.protocol, chosen.uplink.keepalive_s) == (
        "hci1",
        "passive",
        "5",
        30,
    )
    tree = tomllib.loads(await asyncio.to_thread(config.read_text))
    assert tree["push"]["http"] == {"host": 'ä\\ "x"', "list": [1, 2.5, True, {"a": "b"}]}
    assert "# ours" in await asyncio.to_thread(config.with_name("config.toml.before").read_text)
    assert stat.S_IMODE((await asyncio.to_thread(config.stat)).st_mode) == 0o644


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {}, "the code is unknown, used or too old"),
        (429, {"Retry-After": "30"}, "Wait 30 seconds"),
        (404, {}, "Is this the address of the Footfall server?"),
        (302, {"Location": "https://evil.example/v1/enrol"}, "answers 302"),
    ],
)
async def test_each_refusal_has_its_next_step(
    server: EnrolServer, config: Path, status: int, headers: dict[str, str], expected: str
) -> None:
    server.refusal = web.json_response({"title": f"no {CODE}\x1b[31m"}, status=status, headers=headers)
    exit_status, said = await enrol(config, pinned(server))
    assert exit_status == 1
    assert expected in said
    assert "\x1b" not in said
    assert "→ " in said
    assert not await asyncio.to_thread(config.exists)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"secret": "short"}, "makes no sense"),
        ({"brokers": []}, "makes no sense"),
        ({"brokers": ["http://push.example"]}, "makes no sense"),
        ({"gateway": "../../etc"}, "makes no sense"),
        ({"ca": "no certificate"}, "authority is not for this gateway"),
        ({"certificate": "no certificate"}, "certificate is not for this gateway"),
    ],
)
async def test_an_answer_that_makes_no_sense_changes_nothing(
    server: EnrolServer, config: Path, change: dict[str, object], expected: str
) -> None:
    server.expect(CODE, FIRST, **change)
    status, said = await enrol(config, pinned(server))
    assert status == 1
    assert expected in said
    assert await asyncio.to_thread(lambda: list(config.parent.iterdir())) == []


async def test_a_certificate_for_another_key_is_refused(server: EnrolServer, config: Path) -> None:
    server.expect(CODE, FIRST, certificate=server.signer.pem)
    status, said = await enrol(config, pinned(server))
    assert status == 1
    assert "certificate is not for this gateway" in said


async def test_a_server_that_does_not_prove_itself_learns_no_code(server: EnrolServer, config: Path) -> None:
    server.expect(CODE, FIRST)
    status, said = await enrol(config, f"{server.url}/enrol/{CODE}")
    assert status == 1
    assert "does not prove itself" in said
    assert "--ca" in said
    status, said = await enrol(config, f"{server.url}/enrol/{CODE}#sha256={'00' * 32}")
    assert status == 1
    assert "another certificate" in said
    assert server.said == []


async def test_a_server_that_is_not_there(config: Path, free_port: int) -> None:
    status, said = await enrol(config, f"https://{HOST}:{free_port}/enrol/{CODE}")
    assert status == 1
    assert "no connection to" in said
    assert "The code still holds" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_is_closed_costs_no_code(server: EnrolServer, tmp_path: Path) -> None:
    await asyncio.to_thread(tmp_path.chmod, 0o500)
    status, said = await enrol(tmp_path / "config.toml", pinned(server))
    assert status == 1
    assert "sudo footfall-gateway enrol" in said
    assert server.said == []


async def test_settings_that_are_wrong_already_cost_no_code(server: EnrolServer, config: Path) -> None:
    def write() -> None:
        config.parent.mkdir(parents=True)
        config.write_text("[gateway.scan]\nmode = 'loud'\n")

    await asyncio.to_thread(write)
    server.expect(CODE, FIRST)
    status, said = await enrol(config, pinned(server))
    assert status == 1
    assert "gateway.scan.mode is 'loud'" in said
    assert server.said == []


async def test_an_authority_of_the_site_s_own_that_is_not_there_leaves_nothing_behind(
    server: EnrolServer, config: Path
) -> None:
    def write() -> None:
        config.parent.mkdir(parents=True)
        config.write_text("[gateway.uplink]\nca_file = '/nowhere/ca.pem'\n")

    await asyncio.to_thread(write)
    server.expect(CODE, FIRST, ca=None)
    status, said = await enrol(config, pinned(server))
    assert status == 1
    assert "gateway.uplink.ca_file" in said
    assert [path.name for path in await asyncio.to_thread(lambda: list(config.parent.iterdir()))] == ["config.toml"]


def test_the_small_authority_of_these_tests_is_one() -> None:
    assert ssl.create_default_context(cadata=EnrolServer().signer.pem).cert_store_stats()["x509_ca"] == 1
