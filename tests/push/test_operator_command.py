"""`footfall-push operator`: whoever owns the machine lets people in again."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from push.cli import main
from tests.support.people import PASSWORD, first_admin, log_in, person_of
from tests.support.servers import Caller, serving, settings


async def run(folder: Path, *words: str) -> Result:
    env = {"FOOTFALL__PUSH__DATA_DIR": str(folder)}
    return await asyncio.to_thread(CliRunner().invoke, main, ["operator", *words], env=env)


def printed(told: Result) -> str:
    """The password; the server in this process may write a line of its log into the same stream meanwhile."""
    [password] = [line for line in told.stdout.splitlines() if line and " " not in line]
    return password


@pytest.fixture
async def server(tmp_path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN201 - pytest's
    async with serving(settings(tmp_path / "data")) as caller:
        yield caller


async def test_whoever_is_locked_out_gets_in_again(server: Caller) -> None:
    await first_admin(server)
    told = await run(server.folder, "reset-password", "ANN", "--end-codes")
    assert told.exit_code == 0, told.output
    assert (await log_in(server, "ann")).status == 401
    assert person_of(await log_in(server, "ann", printed(told))).login == "ann"


async def test_somebody_is_added_listed_and_disabled(server: Caller) -> None:
    added = await run(server.folder, "add", "bob", "--name", "Bob B.", "--role", "editor", "--store", "s1")
    assert added.exit_code == 0, added.output
    bob = person_of(await log_in(server, "bob", printed(added)))
    assert (await run(server.folder, "add", "eve")).exit_code == 0
    listed = (await run(server.folder, "list")).stdout
    assert all(word in listed for word in ("Bob B.", "editor", "s1", "eve", "every one", "to change her password"))
    assert (await run(server.folder, "disable", "bob")).exit_code == 0
    assert (await server.call("GET", "/v1/session", headers=bob.headers)).status == 401
    assert "disabled" in (await run(server.folder, "list")).stdout
    rows = await server.operate("GET", "/v1/operators")
    assert all(row["changed_by"].startswith("command line:") for row in rows)


async def test_what_cannot_be_done_is_told_in_one_line(server: Caller, tmp_path: Path) -> None:
    await first_admin(server)
    for words, said in (
        (("add", "ann"), "already"),
        (("add", "a b"), "login"),
        (("disable", "ann"), "last admin"),
        (("disable", "nobody"), "no such operator"),
        (("reset-password", "nobody"), "no such operator"),
    ):
        done = await run(server.folder, *words)
        assert (done.exit_code, said in done.output) == (1, True), (words, done.output)
        assert "Traceback" not in done.output
    elsewhere = await run(tmp_path / "elsewhere", "list")
    assert (elsewhere.exit_code, "a server that was started before" in elsewhere.output) == (1, True)
    assert not await asyncio.to_thread((tmp_path / "elsewhere").exists)
    assert PASSWORD not in elsewhere.output
