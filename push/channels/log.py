"""The log channel: writes that there was a message, for development and fault tests; never what it said."""

import structlog

from push.model.delivery import Accepted, Outgoing

log = structlog.get_logger()


class LogChannel:
    """Accepts everything."""

    name = "log"

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Write one line."""
        log.info("message", delivery=outgoing.delivery, campaign=outgoing.message.campaign)
        return Accepted()
