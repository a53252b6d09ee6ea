"""Server-sent events as a phone reads them: bytes in, events out (WHATWG HTML, 9.2.5 and 9.2.6)."""

import codecs
from collections.abc import Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One dispatched event; `id` is the last one seen, also where this event had none."""

    id: str
    kind: str
    data: str


class EventParser:
    """Feed chunks as they come. `last_id` is what to resume after."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._pending_id = last_id
        self._kind = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this chunk completes; an event whose end never comes is dropped."""
        text = self._rest + self._decoder.decode(chunk)
        # A carriage return at the end may be half of a line's end: it waits for what follows.
        held = "\r" if text.endswith("\r") else ""
        lines = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + held
        for line in lines:
            if line:
                self._field(line)
            elif event := self._dispatch():
                yield event

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._pending_id = value

    def _dispatch(self) -> Event | None:
        self.last_id = self._pending_id
        kind, data = self._kind or "message", self._data
        self._kind, self._data = "", []
        return Event(self.last_id, kind, "\n".join(data)) if data else None
