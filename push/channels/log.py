"""The log channel: writes that there was a message, for development and fault tests; never what it said."""

from collections.abc import Mapping

import structlog

from push.model.delivery import Accepted, Outgoing, Part

log = structlog.get_logger()


class LogChannel:
    """Accepts everything."""

    name = "log"

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """Take any address: none is looked at."""
        return dict(address)

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """Nothing is carried anywhere, so nothing is missed."""
        del outgoing
        return ()

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Write one line."""
        log.info("message", delivery=outgoing.delivery, campaign=outgoing.message.campaign)
        return Accepted()
