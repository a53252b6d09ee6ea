"""The log channel says that there was a message, and never what it said."""

from structlog.testing import capture_logs

from push.channels.log import LogChannel
from push.model.delivery import Accepted, Content, Message, Outgoing


async def test_a_message_leaves_one_line_without_its_content() -> None:
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=Content(title="Your test is negative", body="", url="https://shop.example/ada"),
        created_ms=0,
        expires_ms=1,
        collapse_key="c",
    )
    outgoing = Outgoing(delivery="d1", device="phone", message=message, address={"endpoint": "secret"}, now_ms=0)
    with capture_logs() as lines:
        assert await LogChannel().send(outgoing) == Accepted()
    assert lines == [{"event": "message", "log_level": "info", "delivery": "d1", "campaign": "welcome"}]
