"""Campaigns of a running server, as a terminal asks for them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
import msgspec

from push.campaigns.findings import Checked
from push.mailing import MailingError, Server, problem
from push.model.campaigns import Campaign, CampaignState

_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_GONE: Final = 404
T = TypeVar("T")


class Answered(msgspec.Struct, frozen=True):
    """A campaign as the server has it."""

    id: str
    state: CampaignState
    campaign: Campaign
    live_version: int | None
    revision: int


class _Page(msgspec.Struct, frozen=True):
    items: tuple[Answered, ...]
    after: str | None


class CampaignServer:
    """Calls about campaigns; each raises `MailingError` with what the server said."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT, headers=server.headers)

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.close()

    async def check(self, campaign: Campaign) -> Checked:
        """What is wrong with a campaign."""
        return self._read(await self._call("POST", "/check", msgspec.json.encode(campaign)), Checked)

    async def in_force(self, name: str) -> Answered | None:
        """A campaign as the version that speaks has it, or its newest where none ever did; None: there is none."""
        raw = await self._call("GET", f"/{name}", missing=True)
        if not raw:
            return None
        found = self._read(raw, Answered)
        if found.live_version is None:
            return found
        return self._read(await self._call("GET", f"/{name}?version={found.live_version}"), Answered)

    async def put(self, campaign: Campaign, revision: int, *, draft: bool) -> None:
        """Put a campaign into force, or save a draft, over the revision that was seen (0: there was none)."""
        seen = {"If-Match": f'"{revision}"'} if revision else {"If-None-Match": "*"}
        leaf = "/draft" if draft else ""
        await self._call("PUT", f"/{campaign.id}{leaf}", msgspec.json.encode(campaign), seen)

    async def running(self) -> list[str]:
        """The campaigns that speak or are paused."""
        found, after = [], ""
        while True:
            page = self._read(await self._call("GET", f"?limit=200&after={after}"), _Page)
            found += [one.id for one in page.items if one.state in {"live", "paused"}]
            if page.after is None:
                return found
            after = page.after

    async def end(self, name: str) -> None:
        """End a campaign."""
        await self._call("DELETE", f"/{name}")

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        missing: bool = False,
    ) -> bytes:
        url = f"{self._server.url}/v1/campaigns{path}"
        try:
            async with self._http.request(method, url, data=body, headers=headers) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MailingError(f"{url}: {str(error) or type(error).__name__}") from None
        if missing and response.status == _GONE:
            return b""
        if not response.ok:
            raise MailingError(f"{method} {path}: {problem(response.status, answer)}")
        return answer

    def _read(self, raw: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.MsgspecError:
            raise MailingError(f"{self._server.url}: this answer is not Footfall's; is the address right?") from None
