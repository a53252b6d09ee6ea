"""Coming in from a terminal: set-up, login, sessions, tokens, TLS, and servers that are not there."""

import asyncio
import os
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from push.settings import HttpSettings
from tests.support.box import quiet_port
from tests.support.clocks import ShiftedClock
from tests.support.patience import PATIENCE_S
from tests.support.people import first_admin
from tests.support.servers import Caller, serving, settings
from tests.support.terminal import PASSWORD, Terminal
from tests.support.tls_broker import Certificates

pytestmark = pytest.mark.system
HOUR_MS = 3_600_000


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    found = Terminal(tmp_path / "home")
    found.write("password", PASSWORD)
    found.write("wrong", "not my password")
    return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        yield caller


def own(terminal: Terminal, name: str) -> str:
    return str(terminal.home / name)


async def set_up(terminal: Terminal, server: Caller, url: str = "") -> None:
    code = str(server.folder / "setup.code")
    who = ("--login", "ann", "--name", "Ann", "--password-file", own(terminal, "password"))
    ended = await terminal.run("setup", url or server.running.http_url, "--code-file", code, *who)
    assert ended.code == 0, ended


async def test_the_first_operator_comes_in_from_a_terminal_and_goes(server: Caller, terminal: Terminal) -> None:
    await set_up(terminal, server)
    mode = stat.S_IMODE((await asyncio.to_thread(os.stat, terminal.session_file)).st_mode)
    assert mode == 0o600
    assert (await terminal.run("stores", "list", "--json")).json["items"] == []
    gone = await terminal.run("logout")
    assert (gone.code, gone.out) == (0, f"Logged out at {server.running.http_url}.\n")
    after = await terminal.run("stores", "list")
    assert (after.code, after.out) == (4, "")
    assert "Next: footfall-beacons login URL" in after.err
    again = await terminal.run("logout")
    assert (again.code, again.out) == (0, "Nobody was logged in here.\n")


async def test_a_second_setup_and_a_wrong_code_are_refused(server: Caller, terminal: Terminal) -> None:
    who = ("--login", "eve", "--name", "Eve", "--password-file", own(terminal, "password"))
    terminal.write("guess", "not-the-code")
    ended = await terminal.run("setup", server.running.http_url, "--code-file", own(terminal, "guess"), *who)
    assert (ended.code, ended.out) == (4, "")
    assert "The code is not right, or the set-up is over." in ended.err
    missing = await terminal.run("setup", server.running.http_url, "--code-file", own(terminal, "none"), *who)
    assert missing.code == 2
    assert "Expected a file with the code that the server wrote in one line." in missing.err


async def test_questions_are_asked_one_by_one_and_the_password_is_never_shown(
    server: Caller, terminal: Terminal
) -> None:
    await first_admin(server)
    ended = await terminal.answer("login", server.running.http_url, to=[("Login: ", "ann"), ("Password: ", PASSWORD)])
    assert ended.code == 0, ended
    assert f"Logged in at {server.running.http_url} as ann." in ended.out
    assert PASSWORD not in ended.out


async def test_a_code_is_asked_for_where_the_server_wants_one(server: Caller, terminal: Terminal) -> None:
    ann = await first_admin(server)
    begun = await server.call("POST", "/v1/session/totp", body={"password": PASSWORD}, headers=ann.headers)
    app = TOTP(_unspelled(begun.json["secret"]), 6, SHA1(), 30)  # noqa: S303 - RFC 6238
    clock = ShiftedClock()
    confirmed = await server.call(
        "PUT",
        "/v1/session/totp",
        body={"code": app.generate(clock.now_ms() // 1000 - 30).decode()},
        headers=ann.headers,
    )
    recovery: list[str] = confirmed.json["codes"]
    plain = await terminal.run(
        "login", server.running.http_url, "--login", "ann", "--password-file", own(terminal, "password")
    )
    assert (plain.code, "Login, password or code is not right." in plain.err) == (4, True)
    asked = await terminal.answer(
        "login", server.running.http_url, "--login", "ann",
        to=[("Password: ", PASSWORD), ("Code of your authenticator app", app.generate(clock.now_ms() / 1000).decode())],
    )  # fmt: skip
    assert asked.code == 0, asked
    told = await terminal.run(
        "login", server.running.http_url, "--login", "ann", "--password-file", own(terminal, "password"), "--code",
        recovery[0],
    )  # fmt: skip
    assert told.code == 0, told


def _unspelled(secret: str) -> bytes:
    from base64 import b32decode  # noqa: PLC0415 - here alone

    text = secret.replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8))


async def test_a_wrong_password_opens_nothing_and_keeps_nothing(server: Caller, terminal: Terminal) -> None:
    await first_admin(server)
    ended = await terminal.run(
        "login", server.running.http_url, "--login", "ann", "--password-file", own(terminal, "wrong")
    )
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == "Error: Not let in: Login, password or code is not right.\n"
    assert not terminal.session_file.exists()


async def test_a_session_that_is_over_says_how_to_begin_another(tmp_path: Path, terminal: Terminal) -> None:
    clock = ShiftedClock()
    async with serving(settings(tmp_path / "data"), clock) as server:
        await set_up(terminal, server)
        assert (await terminal.run("list")).code == 0
        clock.shift_ms = 13 * HOUR_MS
        ended = await terminal.run("list", "--json")
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == (
        f"Error: The session of ann opens nothing (any more).\nNext: footfall-beacons login {server.running.http_url}\n"
    )


async def test_somebody_changes_her_password_and_stays_logged_in(server: Caller, terminal: Terminal) -> None:
    await set_up(terminal, server)
    terminal.write("next", "another horse, another battery")
    ended = await terminal.run(
        "password", "--current-file", own(terminal, "password"), "--new-file", own(terminal, "next")
    )
    assert (ended.code, ended.out) == (0, "Your password is another one from now on.\n"), ended
    assert (await terminal.run("list")).code == 0


async def test_a_token_of_a_file_is_enough_and_only_its_path_is_kept(server: Caller, terminal: Terminal) -> None:
    token = str(server.folder / "operator.token")
    ended = await terminal.run("login", server.running.http_url, "--token-file", token)
    assert ended.code == 0, ended
    assert server.operator not in terminal.session_file.read_text()
    assert (await terminal.run("stores", "put", "s1", "--name", "Shop")).code == 0
    bad = terminal.write("bad.token", "ff_operator_nobody")
    refused = await terminal.run("login", server.running.http_url, "--token-file", bad)
    assert refused.code == 4
    assert f"The token in {bad} opens nothing (any more)." in refused.err
    assert "ff_operator_nobody" not in refused.err


async def test_the_environment_says_server_and_token_for_scripts(server: Caller, tmp_path: Path) -> None:
    token = str(server.folder / "operator.token")
    script = Terminal(tmp_path / "script", FOOTFALL_SERVER=server.running.http_url, FOOTFALL_TOKEN_FILE=token)
    assert (await script.run("stores", "list", "--json")).json["items"] == []
    assert not script.session_file.exists()
    unreadable = await script.run("stores", "list", FOOTFALL_TOKEN_FILE=str(tmp_path / "none"))
    assert unreadable.code == 2
    assert "Expected a file with a token in one line." in unreadable.err


async def test_a_session_goes_to_no_other_server(server: Caller, terminal: Terminal, tmp_path: Path) -> None:
    await set_up(terminal, server)
    async with serving(settings(tmp_path / "other")) as other:
        ended = await terminal.run("list", FOOTFALL_SERVER=other.running.http_url)
    assert ended.code == 4
    assert f"Nobody is logged in at {other.running.http_url} here." in ended.err


@pytest.mark.parametrize("url", ["http://192.0.2.1:8080", "http://footfall.example"])
async def test_a_password_goes_over_http_to_no_other_machine(terminal: Terminal, url: str) -> None:
    ended = await terminal.run("login", url, "--login", "ann", "--password-file", own(terminal, "password"))
    assert (ended.code, ended.out) == (2, "")
    assert f"{url} is not encrypted" in ended.err
    script = Terminal(terminal.home, FOOTFALL_SERVER=url, FOOTFALL_TOKEN_FILE=own(terminal, "password"))
    assert "is not encrypted" in (await script.run("list")).err


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://ann:secret@x", "http://x:port", "https://x?a=1"])
async def test_what_is_no_address_is_said(terminal: Terminal, url: str) -> None:
    ended = await terminal.run("login", url, "--login", "ann", "--password-file", own(terminal, "password"))
    assert ended.code == 2
    assert "is no address of a server." in ended.err


async def test_a_server_that_is_gone_is_said_with_the_next_step(tmp_path: Path, terminal: Terminal) -> None:
    async with serving(settings(tmp_path / "data")) as server:
        await set_up(terminal, server)
    ended = await terminal.run("list", "--json")
    assert (ended.code, ended.out) == (5, "")
    assert f"Nobody answers at {server.running.http_url}" in ended.err
    assert "Is the server running: footfall-push run?" in ended.err
    assert "Traceback" not in ended.err


async def test_what_is_not_footfall_is_said(terminal: Terminal) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nnope!")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        ended = await terminal.run("login", url, "--login", "a", "--password-file", own(terminal, "password"))
    assert ended.code == 5
    assert "What answers there is not Footfall." in ended.err


@asynccontextmanager
async def behind_tls(url_port: int, to: str, certificates: Certificates) -> AsyncIterator[None]:
    """A reverse proxy on a port, as every deployment has one in front."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    await asyncio.to_thread(context.load_cert_chain, certificates.server)
    port = int(to.rpartition(":")[2])

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
        except OSError:
            pass  # whoever does not trust the certificate hangs up

    async with await asyncio.start_server(serve, "127.0.0.1", url_port, ssl=context):
        yield


async def test_only_a_certificate_that_is_trusted_gets_the_password(tmp_path: Path, terminal: Terminal) -> None:
    certificates = await asyncio.to_thread(Certificates, tmp_path / "tls")
    port = quiet_port()
    url = f"https://127.0.0.1:{port}"
    asked = settings(tmp_path / "data", http=HttpSettings(port=0, public_url=url))
    async with serving(asked) as server, behind_tls(port, server.running.http_url, certificates):
        await first_admin(server)
        who = ("--login", "ann", "--password-file", own(terminal, "password"))
        refused = await terminal.run("login", url, *who)
        assert (refused.code, refused.out) == (5, "")
        assert f"The certificate of {url} is not trusted:" in refused.err
        assert "login --ca FILE" in refused.err
        trusted = await terminal.run("login", url, *who, "--ca", str(certificates.ca))
        assert trusted.code == 0, trusted
        assert (await terminal.run("stores", "put", "s1", "--name", "Shop")).code == 0
        none = await terminal.run("login", url, *who, "--ca", own(terminal, "nowhere.pem"))
        assert (none.code, "there is no such file" in none.err) == (2, True)
        empty = await terminal.run("login", url, *who, "--ca", own(terminal, "password"))
        assert (empty.code, "Traceback" in empty.err) == (2, False)


async def test_ctrl_c_ends_a_command_quietly(terminal: Terminal) -> None:
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as other:
        url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        who = ("--login", "a", "--password-file", own(terminal, "password"))
        process = await terminal.start("login", url, *who)
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
            process.send_signal(2)
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"Error: stopped\n")
