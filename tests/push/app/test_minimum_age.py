"""Another minimum age holds for everybody from the next start on, also for what waits to be sent by then."""

from pathlib import Path
from typing import Any

from push.profiles.settings import ProfileSettings
from tests.support.senders import sent, soon_ms, to
from tests.support.servers import serving, settings


async def trace(server: Any, delivery: str) -> tuple[str, str | None]:  # noqa: ANN401 - a caller
    told = (await server.operate("GET", f"/v1/deliveries/{delivery}"))["delivery"]
    return told["state"], told["reason"]


async def test_what_waits_for_somebody_of_unknown_age_is_taken_back(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as server:
        young = await server.phone(location=True, profiling=True, marketing=True, inapp=True)
        grown = await server.phone(adult=True, location=True, profiling=True, marketing=True, inapp=True)
        waiting = await sent(
            server, *(to(device=phone.device, send_at_ms=soon_ms(3_600_000)) for phone in (young, grown))
        )
        ids = [one["delivery"] for one in waiting]
        assert [(await trace(server, one))[0] for one in ids] == ["pending", "pending"]
    async with serving(settings(tmp_path, profiles=ProfileSettings(minimum_age=16))) as server:
        assert [await trace(server, one) for one in ids] == [("cancelled", "consent withdrawn"), ("pending", None)]
    async with serving(settings(tmp_path, profiles=ProfileSettings(minimum_age=15))) as server:
        assert (await trace(server, ids[1]))[0] == "pending", "whom it does not concern"
