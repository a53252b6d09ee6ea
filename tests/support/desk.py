"""The console without a browser: pages are read, and forms are sent as they stand but for what is typed."""

import re
from html import unescape

from tests.support.people import Person
from tests.support.servers import Caller


class Desk:
    """Somebody at the console."""

    def __init__(self, server: Caller, who: Person) -> None:
        self._server = server
        self._headers = {"Cookie": who.cookie}

    async def look(self, path: str) -> str:
        async with self._server.http.get(self._server.running.http_url + path, headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()
            return unescape(await answer.text())

    async def send(self, path: str, **fields: str) -> tuple[int, str]:
        """Fill the form as it stands, and send it; the status, and the page that is shown again."""
        html = await self.look(path)
        hidden = dict(re.findall(r'type="hidden" name="(csrf|revision)" value="(\w+)"', html))
        url = self._server.running.http_url + path
        async with self._server.http.post(
            url, data={**hidden, **fields}, headers=self._headers, allow_redirects=False
        ) as answer:
            return answer.status, unescape(await answer.text())
