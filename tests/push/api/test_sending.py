"""Messages that other systems send: planned, refused with a reason, replayed, pushed back."""

from typing import Any

from tests.support.servers import Answer, Caller

ALL = {"marketing": True, "inapp": True}
HELLO: dict[str, object] = {"title": "Hello", "body": "Your order is ready"}


def to(**target: object) -> dict[str, Any]:
    return {"to": target, "content": HELLO}


async def post(server: Caller, body: object, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.call("POST", "/v1/messages", server.operator, body, headers=sent)


async def test_a_message_to_a_shopper_is_queued_and_arrives(server: Caller) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as stream:
        answer = await post(server, to(shopper=phone.shopper))
        assert answer.status == 202, answer
        [verdict] = answer.json["messages"]
        assert verdict["status"] == "queued"
        _, message = await stream.event()
        assert (message["id"], message["delivery"]) == (verdict["id"], verdict["delivery"])
