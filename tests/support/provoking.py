"""A running server on which problems are provoked, and those that calls of a kind have in common: `GENERAL`."""

import asyncio
import io
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Final, NamedTuple

from push.api.contract import Endpoint
from push.api.server import MAX_BODY_BYTES
from push.channels.email import EmailSettings
from push.deliver.sender import SenderSettings
from push.model.tokens import Scope
from push.profiles.collect.settings import BoundSettings
from push.profiles.settings import ProfileSettings
from push.settings import HttpSettings
from tests.support import smtp_service
from tests.support.enrolling import new_box
from tests.support.people import PASSWORD, Person, first_admin
from tests.support.senders import sender
from tests.support.servers import DEADLINE_S, REGISTRY, Answer, Caller, Phone, serving, settings
from tests.support.smtp_service import SmtpService

BODY_TIMEOUT_S: Final = 0.5
MOST_QUEUED: Final = 20
CROWD: Final = 60
"""Phones that one key may register in a minute: more than a test needs."""
NOTHING: Final = "nothing-here"
"""An id of nothing, whatever it is asked for."""
UNKNOWN: Final = "ff_operator_" + "x" * 43
_IDS: Final = re.compile(r"{(\w+)}")


class Stage(NamedTuple):
    """A running server, a token of each scope, an admin who is logged in, a phone that agreed to messages alone, a mail
    server.
    """

    server: Caller
    tokens: Mapping[Scope, str]
    person: Person
    phone: Phone
    smtp: SmtpService

    def token(self, endpoint: Endpoint) -> str:
        """One that opens a call: an operator's, where it does."""
        return next(token for scope, token in self.tokens.items() if scope in endpoint.scopes)

    def credential(self, endpoint: Endpoint, token: str | None = None) -> Mapping[str, str]:
        """Headers that open a call; none where its body does."""
        if token is None and endpoint.of_session:
            return self.person.headers
        if token is None and not endpoint.scopes:
            return {}
        media = {} if endpoint.raw is None else {"Content-Type": endpoint.raw.media[0]}
        return {**media, "Authorization": f"Bearer {token or self.token(endpoint)}"}

    def path(self, endpoint: Endpoint, ids: Mapping[str, str]) -> str:
        """A path with these names in it; without a name, the phone's, an addressed channel's, or nothing's."""
        known = {"device": self.phone.device, "channel": "email", **ids}
        return _IDS.sub(lambda found: known.get(found[1], NOTHING), endpoint.path)

    async def call(
        self,
        endpoint: Endpoint,
        body: object = None,
        token: str | None = None,
        query: str = "",
        match: str = "",
        **ids: str,
    ) -> Answer:
        """Make a call. Raises TimeoutError: an endless answer, which is no problem."""
        path = self.path(endpoint, ids) + query
        async with asyncio.timeout(DEADLINE_S):
            headers = {**self.credential(endpoint, token), **({"If-Match": match} if match else {})}
            return await self.server.call(endpoint.method, path, body=body, headers=headers)

    @property
    def database(self) -> Path:
        """Where it is SQLite."""
        return self.server.folder / "push.db"


Provoke = Callable[[Stage, Endpoint], Awaitable[Answer]]


@asynccontextmanager
async def stage(folder: Path, database_url: str = "") -> AsyncIterator[Stage]:
    """A server that soon has enough, for the length of the block."""
    async with AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(smtp_service.serving(SmtpService()))
        ca_file = folder / "mail.pem"
        smtp.authority.cert_pem.write_to_path(str(ca_file))
        asked = settings(
            folder / "data",
            database_url=database_url,
            http=HttpSettings(port=0, body_timeout_s=BODY_TIMEOUT_S),
            sender=SenderSettings(most_queued=MOST_QUEUED),
            profiles=ProfileSettings(most_waiting=1, bounds=BoundSettings(new_people_per_min=CROWD)),
            email=EmailSettings(allow_private_hosts=True, ca_file=str(ca_file)),
        )
        server = await stack.enter_async_context(serving(asked))
        await server.operate("PUT", "/v1/registry", REGISTRY)
        phone = await server.phone(marketing=True, inapp=True)
        tokens: dict[Scope, str] = {
            "operator": server.operator,
            "app": server.app,
            "device": phone.token,
            "sender": await sender(server),
            "screen": await _screen_token(server),
        }
        yield Stage(server, tokens, await first_admin(server), phone, smtp)


async def _screen_token(server: Caller) -> str:
    """Of a screen that there is not."""
    made = await server.operate("POST", "/v1/tokens", {"scope": "screen", "subject": NOTHING})
    return str(made["token"])


# --- what calls have in common ----------------------------------------------------------------------------------------


async def unknown_parameter(on: Stage, endpoint: Endpoint) -> Answer:
    return await on.call(endpoint, query="?colour=red")


async def no_id(on: Stage, endpoint: Endpoint) -> Answer:
    return await on.call(endpoint, **dict.fromkeys(_IDS.findall(endpoint.path), "a.b"))


async def broken_body(on: Stage, endpoint: Endpoint) -> Answer:
    headers = on.credential(endpoint)
    return await on.server.call(endpoint.method, on.path(endpoint, {}), headers=headers, data=b'{"a":')


async def no_token(on: Stage, endpoint: Endpoint) -> Answer:
    return await on.server.call(endpoint.method, on.path(endpoint, {}))


async def unknown_token(on: Stage, endpoint: Endpoint) -> Answer:
    return await on.call(endpoint, token=UNKNOWN)


async def token_of_another_scope(on: Stage, endpoint: Endpoint) -> Answer:
    """Or, where none is asked for, a page of somebody else's."""
    if not endpoint.scopes:
        elsewhere = {"Origin": "https://evil.example"}
        return await on.server.call(endpoint.method, on.path(endpoint, {}), headers=elsewhere)
    other = next(token for scope, token in on.tokens.items() if scope not in endpoint.scopes)
    return await on.call(endpoint, token=other)


async def large_body(on: Stage, endpoint: Endpoint) -> Answer:
    if endpoint.raw is not None:
        return await announced(on, endpoint, endpoint.raw.most_bytes + 1)
    data = io.BytesIO(bytes(MAX_BODY_BYTES + 1))
    return await on.server.call(endpoint.method, on.path(endpoint, {}), headers=on.credential(endpoint), data=data)


async def halting_body(on: Stage, endpoint: Endpoint) -> Answer:
    return await announced(on, endpoint, 2)


async def body_of_another_kind(on: Stage, endpoint: Endpoint) -> Answer:
    headers = {**on.credential(endpoint), "Content-Type": "application/zip"}
    return await on.server.call(endpoint.method, on.path(endpoint, {}), headers=headers, data=b"PK")


async def announced(on: Stage, endpoint: Endpoint, length: int) -> Answer:
    """Announce a body, and send one byte of it."""
    host, _, port = on.server.running.http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    credential = "".join(f"{name}: {value}\r\n" for name, value in on.credential(endpoint).items())
    head = (
        f"{endpoint.method} {on.path(endpoint, {})} HTTP/1.1\r\nHost: x\r\n{credential}Content-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + b"{")
    try:
        async with asyncio.timeout(DEADLINE_S):
            status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines if line)
            body = await reader.readexactly(int(headers["Content-Length"]))
    finally:
        writer.close()
    return Answer(int(status.split()[1]), headers, body)


async def plain_call(on: Stage, endpoint: Endpoint) -> Answer:
    return await on.call(endpoint, None if endpoint.scopes else PROOFS.get(endpoint.path))


PROOFS: Final[Mapping[str, object]] = {
    "/v1/enrol": {"code": "AAAA-BBBB-CCCC-DDDD", "csr": new_box(Path()).csr},
    "/v1/session": {"login": "ann", "password": PASSWORD},
    "/v1/setup": {"code": "x" * 24, "login": "eve", "name": "Eve", "password": PASSWORD},
}
"""Good bodies of calls that take no other credential."""
GENERAL: Final[Mapping[int, Sequence[Provoke]]] = {
    400: (unknown_parameter, no_id, broken_body),
    401: (no_token, unknown_token),
    403: (token_of_another_scope,),
    408: (halting_body,),
    413: (large_body,),
    415: (body_of_another_kind,),
    503: (plain_call,),  # on a stage whose database is away
}


def general(endpoint: Endpoint, status: int) -> Iterator[Provoke]:
    """What provokes a status at any endpoint of this kind."""
    needs_id, needs_body, needs_scope = {no_id}, {broken_body}, {no_token, unknown_token}
    for how in GENERAL.get(status, ()):
        if how in needs_scope and not endpoint.scopes:
            continue
        if not (how in needs_id and "{" not in endpoint.path) and not (how in needs_body and endpoint.body is None):
            yield how


def plainly(body: object = None, query: str = "", **ids: str) -> Provoke:
    """Just call: what is not named in the path is not there, and the phone agreed to messages alone."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        return await on.call(endpoint, body, query=query, **ids)

    return provoke


def execute(path: Path, statement: str) -> None:
    """Run a statement of our own on a database file."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
