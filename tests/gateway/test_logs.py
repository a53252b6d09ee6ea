"""What the gateway says on stderr."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.logs import log_to_stderr


class Stderr(io.StringIO):
    """A terminal, or the journal's pipe."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def said_of_a_failure(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    stderr = Stderr(terminal=terminal)
    monkeypatch.setattr("sys.stderr", stderr)
    log_to_stderr()
    hidden = "sesame".upper()
    try:
        int(f"{hidden:.0}")
    except ValueError:
        structlog.get_logger().exception("it_failed")
    return stderr.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_tracebacks_hold_no_values(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    said = said_of_a_failure(monkeypatch, terminal=terminal)
    assert "it_failed" in said
    assert "ValueError" in said
    assert "SESAME" not in said


def test_the_journal_takes_a_priority_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said = said_of_a_failure(monkeypatch, terminal=False)
    assert said.startswith("<3>event=it_failed ")
    assert said.count("\n") == 1
