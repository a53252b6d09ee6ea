"""Logs on stderr: coloured lines on a terminal, one line of key=value for the journal elsewhere."""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_PRIORITY: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2, "exception": 3}
"""syslog's numbers, which the journal takes from `<n>` in front of a line (sd-daemon(3))."""


def log_to_stderr() -> None:
    """Set logging up for this process; the journal adds time and unit by itself."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="<4>%(name)s: %(message)s")
    structlog.configure(
        processors=[structlog.processors.add_log_level, *(_terminal() if sys.stderr.isatty() else _journal())],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log_nothing() -> None:
    """For commands that show what they find themselves: the libraries' and our own remarks are in the way."""
    logging.disable()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])


def _drop(_logger: WrappedLogger, _method: str, _event: EventDict) -> EventDict:
    raise structlog.DropEvent


def _terminal() -> list[Processor]:
    """Tracebacks come without the values of variables, which hold secrets."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), renderer]


def _journal() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer(key_order=["event"]), _priority]


def _priority(_logger: WrappedLogger, method: str, line: EventDict) -> str:  # the renderer made a text of the event
    return f"<{_PRIORITY.get(method, 6)}>{line}"
