"""Every problem that the description names can happen, is provoked here, and tells its caller what to do.

A new status of an endpoint, or a new endpoint, needs a line in `tests.support.provoked.PARTICULAR`: the first test says
which.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from push.api.contract import Endpoint
from push.api.openapi import PROBLEMS, problems
from push.app import ENDPOINTS
from tests.support.provoked import PARTICULAR
from tests.support.provoking import GENERAL, Provoke, Stage, general, stage
from tests.support.servers import Answer, becomes

Case = tuple[Endpoint, int, Provoke]

DOCUMENTED: Final = {(e.method, e.path, status): e for e in ENDPOINTS for status in problems(e)}
SCREENS: Final = "/v1/screens/{id}"
ANSWERS_ALL_THE_SAME: Final = {
    ("GET", "/v1/tokens"),
    ("DELETE", "/v1/tokens/{fingerprint}"),
    ("GET", SCREENS),
    ("DELETE", SCREENS),
    ("POST", f"{SCREENS}/token"),
    ("GET", f"{SCREENS}/stream"),
    ("GET", "/v1/gateways/{id}/health"),
    ("GET", "/v1/beacons/{id}/health"),
    ("GET", "/v1/labels"),
    ("GET", "/v1/segments/facts"),
    ("GET", "/v1/segments/overlap"),
    ("GET", "/v1/segments/{id}/explain"),
    ("GET", "/v1/segments/preview/count"),
    ("DELETE", "/v1/segments/preview/count"),
}
"""Where tokens are the only table left. Screens and the fleet are looked up in memory: there is none of that name,
whatever the database says. Labels want a store, overlaps segments and reasons a shopper, which a plain call does not
name. What rules may read stands in no table, nor does what is being counted.
"""


def lines(pairs: Iterable[tuple[str, str, int]], how: str) -> str:
    return "".join(f'\n    ("{method}", "{path}", {status}): {how}' for method, path, status in sorted(pairs))


def test_every_documented_status_is_provoked_and_no_other() -> None:
    own = {pair for pair in DOCUMENTED if pair[2] not in GENERAL}
    missing = lines(own - PARTICULAR.keys(), "plainly(),  # or whatever provokes it")
    assert not missing, f"documented, and never seen: add to PARTICULAR in tests/support/provoked.py{missing}"
    idle = lines(PARTICULAR.keys() - DOCUMENTED.keys(), "…")
    assert not idle, f"not documented: add the status to the endpoint's `errors`, or take out of PARTICULAR{idle}"


def test_what_each_status_means_is_told_of_those_that_there_are_and_of_no_other() -> None:
    assert {status for _, _, status in DOCUMENTED} == PROBLEMS.keys()


@pytest.mark.parametrize("status", sorted(GENERAL.keys() - {503}))
async def test_what_calls_of_a_kind_have_in_common(status: int, tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await all_told(on, common(status))


@pytest.mark.parametrize("status", sorted({status for _, _, status in PARTICULAR}))
async def test_what_an_endpoint_adds(status: int, tmp_path: Path) -> None:
    cases = [(DOCUMENTED[pair], status, how) for pair, how in PARTICULAR.items() if pair[2] == status]
    async with stage(tmp_path) as on:
        await all_told(on, cases, at_once=1)


async def test_without_a_database_every_call_is_told_to_come_back(any_url: str, tmp_path: Path) -> None:
    async with stage(tmp_path, any_url) as on:
        await (shut(any_url) if any_url else asyncio.to_thread(lose_tables, on.database, ()))
        await becomes(lambda: nobody_is_known(on), "tokens to be looked up again")
        await all_told(on, common(503))


async def test_a_database_that_goes_away_after_the_token_was_read_is_told_alike(tmp_path: Path) -> None:
    cases = [case for case in common(503) if case[0].body is None]
    async with stage(tmp_path) as on:
        await asyncio.to_thread(lose_tables, on.database, ("tokens",))
        await all_told(on, [case for case in cases if (case[0].method, case[0].path) not in ANSWERS_ALL_THE_SAME])


async def nobody_is_known(on: Stage) -> bool:
    """Whether each token has to be looked up, which were all known for a second: else what is wrong is told before."""
    answers = [await on.server.call("GET", "/v1/registry?nothing=1", token) for token in on.tokens.values()]
    return all(answer.status == 503 for answer in answers)


def common(status: int) -> list[Case]:
    found = [e for (_, _, documented), e in DOCUMENTED.items() if documented == status]
    return [(endpoint, status, how) for endpoint in found for how in general(endpoint, status)]


# --- what a problem must say ------------------------------------------------------------------------------------------


async def all_told(on: Stage, cases: list[Case], at_once: int = 16) -> None:
    """Provoke each; whatever was not told as it must be is told together."""
    assert cases
    turns = asyncio.Semaphore(at_once)

    async def one(case: Case) -> str:
        async with turns:
            return await told(on, case)

    wrong = [line for line in await asyncio.gather(*map(one, cases)) if line]
    assert not wrong, "\n".join(["", *wrong])


async def told(on: Stage, case: Case) -> str:
    endpoint, status, how = case
    name = f"{endpoint.method} {endpoint.path} {status} ({how.__qualname__.partition('.')[0]})"
    try:
        answer = await how(on, endpoint)
    except TimeoutError:
        return f"{name}: no problem, but an answer without an end, or none"
    if answer.status != status:
        return f"{name}: answered {answer.status} {answer.raw[:200]!r}"
    return "".join(f"{name}: {wrong} " for wrong in objections(answer))


def objections(answer: Answer) -> Iterator[str]:
    """What is not as RFC 9457 has it, or helps nobody."""
    if answer.headers["Content-Type"] != "application/problem+json":
        yield f"is no problem but {answer.headers['Content-Type']}"
        return
    said = answer.json
    if said.keys() != {"type", "title", "status", "detail"} or said["status"] != answer.status:
        yield f"is another kind of problem: {said}"
    elif not is_useful(said["detail"], said["title"]):
        yield f"helps nobody: {said['detail']!r}"
    if answer.status in {429, 503} and not answer.headers.get("Retry-After", "").isdigit():
        yield "does not say when to ask again (Retry-After)"
    if answer.status == 401 and answer.headers.get("WWW-Authenticate") != "Bearer":
        yield "does not say how to authenticate (RFC 9110 section 11.6.1)"


def is_useful(detail: str, title: str) -> bool:
    """Whether it is a sentence of its own, about this call."""
    return len(re.findall(r"\w+", detail)) >= 4 and detail[-1] in ".…" and title not in detail


# --- a database that is away ------------------------------------------------------------------------------------------


def lose_tables(path: Path, but: tuple[str, ...]) -> None:
    """Take every table of an SQLite database away, but for some."""
    with closing(sqlite3.connect(path)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in tables.fetchall():
            if name not in but:
                connection.execute(f"ALTER TABLE {name} RENAME TO lost_{name}")


async def shut(url: str) -> None:
    """End every connection to a PostgreSQL database, and let nobody in again."""
    parts = urlsplit(url)
    name = parts.path.removeprefix("/")
    admin = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    await admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await admin.close()
