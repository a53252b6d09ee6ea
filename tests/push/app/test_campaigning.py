"""A running server: what people do is answered at once, and what a feed says reaches whom it is for."""

from pathlib import Path
from typing import Any

from tests.support.collecting import collecting
from tests.support.servers import Caller, becomes

AGREED = {"consent": {"categoryPreferences": {"Functional": True, "Advertising": True}}}


def offer(name: str, trigger: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - of a campaign
    campaign = {"id": name, "name": name, "trigger": trigger, "template": {"title": "Hi"}}
    return {**campaign, "needs": ["marketing"], "is_quiet": False, **more}


async def decided(server: Caller, number: int) -> None:
    async def enough() -> bool:
        async with server.http.get(f"{server.running.http_url}/metrics") as answer:
            return f'footfall_campaigns_total{{what="sent"}} {number}.0' in await answer.text()

    await becomes(enough, f"{number} messages are sent")


async def test_who_signs_up_is_welcomed_and_half_time_reaches_the_fans_while_it_is_dry(tmp_path: Path) -> None:
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
        await decided(server, 1)

        async def is_fan() -> bool:
            return bool((await server.operate("GET", "/v1/segments/fans"))["members"])

        await becomes(is_fan, "she is among the fans")
        await server.operate("POST", "/v1/feeds/weather", {"state": {"rain": False}})
        told = await server.operate("POST", "/v1/feeds/match", {"event": "half-time", "id": "m1"})
        again = await server.operate("POST", "/v1/feeds/match", {"event": "half-time", "id": "m1"})
        assert (told, again) == ({"campaigns": 1}, {"campaigns": 0})
        await decided(server, 2)
        [feed] = (await server.operate("GET", "/v1/feeds"))["items"]
        assert (feed["feed"], feed["store"], feed["state"]) == ("weather", None, {"rain": False})
