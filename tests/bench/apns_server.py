"""APNs as a bench needs it, where there is no node: what `apns_server.js` does, slower.

python apns_server.py CERTIFICATE_AND_KEY
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path

from tests.support.apns_service import ApnsService, Call, listening


class Counts:
    """What was answered."""

    def __init__(self) -> None:
        self.answered = 0
        self.gone = 0

    def script(self, call: Call) -> None:
        self.answered += 1
        if call.device.startswith("dead"):
            self.gone += 1
            call.refuse(410, "Unregistered", timestamp=1_700_000_000_000)
        else:
            call.answer()
        call.connection.calls.clear()
        call.connection.service.calls.clear()


async def serve(pem: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    service, counts = ApnsService(), Counts()
    service.script = counts.script
    async with listening(service, tls):
        print(service.port, flush=True)  # noqa: T201 - the answer
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(vars(counts)), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
