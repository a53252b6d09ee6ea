"""A running server: what people do is answered at once, and what a feed says reaches whom it is for."""

import re
from pathlib import Path
from typing import Any

from tests.support.collecting import collecting
from tests.support.servers import REGISTRY, Caller, becomes

AGREED = {"consent": {"categoryPreferences": {"Functional": True, "Advertising": True}}}


def offer(name: str, trigger: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - of a campaign
    campaign = {"id": name, "name": name, "trigger": trigger, "template": {"title": "Hi"}}
    return {**campaign, "needs": ["marketing"], "is_quiet": False, **more}


async def sent(server: Caller) -> int:
    """How many messages campaigns sent of their own accord."""
    async with server.http.get(f"{server.running.http_url}/metrics") as answer:
        found = re.search(r'footfall_campaigns_total\{what="sent"\} (\d+)', await answer.text())
    return 0 if found is None else int(found[1])


async def reaches(server: Caller, number: int) -> None:
    async def enough() -> bool:
        return await sent(server) == number

    await becomes(enough, f"{number} messages are sent")


async def test_who_signs_up_is_a_fan_or_comes_near_a_shelf_is_answered_at_once(tmp_path: Path) -> None:
    dry = {"kind": "fact", "fact": "feed.weather.rain", "op": "is", "value": False}
    match = {"kind": "feed", "feed": "match", "event": "half-time", "segment": "fans"}
    async with collecting(tmp_path) as shop:
        server = shop.server
        await server.operate("PUT", "/v1/campaigns/welcome", offer("welcome", {"kind": "event", "event": "Signed Up"}))
        fans = {"name": "Fans", "rule": {"kind": "fact", "fact": "traits.fan", "op": "is", "value": True}}
        await server.operate("PUT", "/v1/segments/fans", fans)
        await server.operate("PUT", "/v1/campaigns/match", offer("match", match, audience=dry))
        phone = await server.phone(marketing=True, profiling=True, inapp=True)
        hers = {"externalIds": [{"type": "device", "id": phone.device, "collection": "users", "encoding": "none"}]}
        await shop.say("identify", {"userId": "u1", "traits": {"fan": True}, "context": hers | AGREED})
        await shop.say("track", {"userId": "u1", "event": "Signed Up", "context": AGREED})
        await reaches(server, 1)

        async def is_fan() -> bool:
            return bool((await server.operate("GET", "/v1/segments/fans"))["members"])

        await becomes(is_fan, "she is among the fans")
        await server.operate("POST", "/v1/feeds/weather", {"state": {"rain": False}})
        told = await server.operate("POST", "/v1/feeds/match", {"event": "half-time", "id": "m1"})
        again = await server.operate("POST", "/v1/feeds/match", {"event": "half-time", "id": "m1"})
        assert (told, again) == ({"campaigns": 1}, {"campaigns": 0})
        await reaches(server, 2)
        [feed] = (await server.operate("GET", "/v1/feeds"))["items"]
        assert (feed["feed"], feed["store"], feed["state"]) == ("weather", None, {"rain": False})
        await _comes_near(server)


async def _comes_near(server: Caller) -> None:
    """Whose phone ranges a shelf for a while is answered, once she is in the store."""
    await server.operate("PUT", "/v1/registry", {**REGISTRY, "campaigns": []})
    await server.operate("PUT", "/v1/campaigns/near", offer("near", {"kind": "approached", "fixtures": ["fix-1"]}))
    phone = await server.phone(location=True, marketing=True, inapp=True)

    before = await sent(server)

    async def is_answered() -> bool:
        await server.range(phone)
        return await sent(server) == before + 1

    await becomes(is_answered, "the offer at the shelf is sent")
