"""Calls to a server, one after the other; what is no answer, or a problem, ends the command with a sentence.

Api.call ─▶ Answer        problem (RFC 9457) ─▶ RefusedError, NotLetInError, UnansweredError
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import aiohttp
import msgspec

from beacons.cli.errors import CommandError, NotLetInError, RefusedError, UnansweredError
from beacons.cli.place import Caller, Place

TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)
"""A large import is written before it is answered; whoever says nothing for two minutes is gone."""
CHUNK: Final = 256 * 1024
_SHOWN: Final = 600
_NOT_FOOTFALL: Final = "Is the address right? What answers there is not Footfall."
UNKNOWN: Final = 401
FORBIDDEN: Final = 403
ABSENT: Final = 404
STALE: Final = frozenset({409, 412})
TOO_OFTEN: Final = 429
FAILED: Final = 500


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """What it said, as values. Raises `UnansweredError` where it is no JSON."""
        try:
            return msgspec.json.decode(self.raw)
        except msgspec.MsgspecError:
            raise UnansweredError("The answer is no JSON.", _NOT_FOOTFALL) from None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem as the server tells it; `members` is all of it."""

    status: int
    title: str
    detail: str
    retry_after_s: int | None
    members: Mapping[str, Any]


class ProblemError(RefusedError):
    """A call that the server answered with a problem."""

    def __init__(self, problem: Problem, next_step: str = "") -> None:
        super().__init__(_sentence(problem), next_step)
        self.problem = problem


class Api:
    """A server, asked as somebody (or as nobody), for the length of a `with` block."""

    def __init__(self, place: Place, caller: Caller | None = None) -> None:
        self.place = place
        self._caller = caller
        self._runner = asyncio.Runner()
        self._http: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        """Prepare; nothing is sent yet. Raises `CommandError`."""
        context = _trusted(self.place)
        try:
            self._runner.run(self._open(context))
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close what is open."""
        try:
            if self._http is not None:
                self._runner.run(self._http.close())
        finally:
            self._runner.close()

    async def _open(self, context: ssl.SSLContext | bool) -> None:  # noqa: FBT001 - as aiohttp takes it
        connector = aiohttp.TCPConnector(ssl=context)
        jar = aiohttp.DummyCookieJar()
        self._http = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, cookie_jar=jar)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Answer:
        """Read something. Raises as `call`."""
        return self.call("GET", path, query=query)

    def call(  # noqa: PLR0913 - a call has many sides
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        data: AsyncIterable[bytes] | bytes | None = None,
    ) -> Answer:
        """Any call: `body` is sent as JSON, `data` as it is; what is None in a query is left out.

        Raises `ProblemError`, `NotLetInError`, `UnansweredError`.
        """
        sent = {**self._proof(method), **(headers or {})}
        if body is not None:
            data, sent = msgspec.json.encode(body), {"Content-Type": "application/json", **sent}
        asked = {name: _spelled(value) for name, value in (query or {}).items() if value is not None}
        answer = self._runner.run(self._sent(method, path, asked, sent, data))
        self._refuse(answer)
        return answer

    def stream(self, path: str, write: Callable[[bytes], object]) -> None:
        """Read something long, piece by piece. Raises as `call`, and what `write` raises."""
        answer = self._runner.run(self._streamed(path, write))
        self._refuse(answer)

    async def _streamed(self, path: str, write: Callable[[bytes], object]) -> Answer:
        assert self._http is not None  # noqa: S101 - inside the block
        try:
            async with self._http.get(
                self.place.url + path, headers=self._proof("GET"), allow_redirects=False
            ) as response:
                if not response.ok:
                    return Answer(response.status, response.headers, await response.read())
                async for piece in response.content.iter_chunked(CHUNK):
                    await asyncio.to_thread(write, piece)
                return Answer(response.status, response.headers, b"")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unanswered(self.place, error) from None

    def _proof(self, method: str) -> Mapping[str, str]:
        if self._caller is None:
            return {}
        return {**self._caller.headers, **({} if method == "GET" else self._caller.changing)}

    async def _sent(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        data: AsyncIterable[bytes] | bytes | None,
    ) -> Answer:
        assert self._http is not None  # noqa: S101 - inside the block
        url = self.place.url + path
        try:
            async with self._http.request(
                method, url, params=query, headers=headers, data=data, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unanswered(self.place, error) from None

    def _refuse(self, answer: Answer) -> None:
        if answer.status < 300:  # noqa: PLR2004 - 2xx
            return
        if answer.status < 400:  # noqa: PLR2004 - a redirect: our proofs go to nobody else
            where = answer.headers.get("Location", "elsewhere")
            raise UnansweredError(f"{self.place.url} sends us to {where}.", "Next: log in at the address it names.")
        problem = _problem(answer)
        if problem is None:
            raise UnansweredError(f"{self.place.url} answered {answer.status} without a reason.", _NOT_FOOTFALL)
        raise self._ended(problem)

    def _ended(self, problem: Problem) -> CommandError:
        """The error that a problem is."""
        login = f"Next: footfall-beacons login {self.place.url}"
        if problem.status == UNKNOWN and self._caller is not None:
            return NotLetInError(
                f"{self._caller.proof[0].upper()}{self._caller.proof[1:]} opens nothing (any more).", login
            )
        if problem.status in {UNKNOWN, FORBIDDEN}:
            return NotLetInError(_sentence(problem))
        if problem.status == TOO_OFTEN or problem.status >= FAILED:
            after = problem.retry_after_s
            return UnansweredError(_sentence(problem), "" if after is None else f"Next: try again in {after} s.")
        return ProblemError(problem)


def path_of(*parts: str) -> str:
    """A path below /v1; what people typed becomes one part of it, whatever they typed."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _trusted(place: Place) -> ssl.SSLContext | bool:
    """Whose certificates count. Read before the loop runs. Raises `CommandError`."""
    if not place.url.startswith("https://"):
        return True
    try:
        return ssl.create_default_context(cafile=place.ca_file)
    except OSError as error:  # SSLError is one
        raise CommandError(
            f"{place.ca_file}: {error.strerror or 'no certificate'}.", "Expected an authority's certificate, as PEM."
        ) from None


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unanswered(place: Place, error: Exception) -> UnansweredError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            return UnansweredError(
                f"The certificate of {place.url} is not trusted: {why}.",
                "Next: footfall-beacons login --ca FILE, with the certificate of the authority that signed it.",
            )
        case aiohttp.ClientSSLError():
            return UnansweredError(f"{place.url} does not speak TLS as we do.", "Is it http://, or another port?")
        case aiohttp.ClientConnectorDNSError():
            return UnansweredError(
                f"{place.url}: no such name.", "Is it spelled right? Does this machine have a network?"
            )
        case aiohttp.ClientConnectorError():
            why = error.strerror or str(error.os_error)
            return UnansweredError(
                f"Nobody answers at {place.url} ({why}).", "Is the server running: footfall-push run?"
            )
        case TimeoutError():
            return UnansweredError(
                f"{place.url} does not answer in time.", "Next: try again; its log says what it does."
            )
        case _:
            why = str(error) or type(error).__name__
            return UnansweredError(
                f"{place.url} broke off: {why}.", "Next: try again; look whether it was carried out."
            )


def _problem(answer: Answer) -> Problem | None:
    try:
        told = msgspec.json.decode(answer.raw, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
    if not isinstance(told.get("title"), str):
        return None
    after = answer.headers.get("Retry-After", "")
    return Problem(
        status=answer.status,
        title=told["title"],
        detail=str(told.get("detail", ""))[:_SHOWN],
        retry_after_s=int(after) if after.isascii() and after.isdigit() else None,
        members=told,
    )


def _sentence(problem: Problem) -> str:
    return f"{problem.title}: {problem.detail}" if problem.detail else f"{problem.title}."
