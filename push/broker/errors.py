"""The one error of this room."""


class BrokerError(Exception):
    """The broker cannot be started, reached or changed; the message says what stands in the way and the next step."""
