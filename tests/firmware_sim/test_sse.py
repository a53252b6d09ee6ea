from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.sse import Event, EventParser

STREAM = (
    '\ufeff: hello\n\nid: 1\nevent: message\ndata: {"a":\ndata: 1}\n\ndata:two\r\n\r\nid\rdata: drei ü\r\r'.encode()
)
EVENTS = [Event("1", "message", '{"a":\n1}'), Event("1", "message", "two"), Event("", "message", "drei ü")]


def parsed(chunks: list[bytes]) -> list[Event]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + list(parser.feed(b"\n"))


def test_events_are_dispatched_at_blank_lines() -> None:
    assert parsed([STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM))))
def test_chunks_may_end_anywhere(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    assert parsed([STREAM[a:b] for a, b in pairwise(at)]) == EVENTS


def test_an_unfinished_event_is_dropped_and_does_not_move_the_last_id() -> None:
    parser = EventParser("6")
    assert list(parser.feed(b"id: 7\ndata: half")) == []
    assert parser.last_id == "6"
    assert list(parser.feed(b" and half\n\n")) == [Event("7", "message", "half and half")]
    assert parser.last_id == "7"


@pytest.mark.parametrize("field", [b"retry: 100", b"unknown: x", b"nonsense", b"id: a\0b"])
def test_other_fields_are_passed_over(field: bytes) -> None:
    parser = EventParser("6")
    assert list(parser.feed(field + b"\ndata: x\n\n")) == [Event("6", "message", "x")]


def test_only_one_space_is_taken_off() -> None:
    assert list(EventParser().feed(b"data:  x \n\n")) == [Event("", "message", " x ")]
