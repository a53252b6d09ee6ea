"""Protocol buffers by field number: as much of the encoding as a stand-in for a push service needs."""

import struct
from collections.abc import Iterable
from typing import Final

Value = int | str | bytes
Fields = dict[int, list[int | bytes]]

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2


def varint(number: int) -> bytes:
    """A number, seven bits a byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next thing begins."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """A message of varints and length-delimited fields."""
    return b"".join(_field(number, value) for number, value in fields)


def fixed64(number: int, value: int) -> bytes:
    """One field of type fixed64."""
    return varint(number << 3 | _FIXED64) + struct.pack("<Q", value)


def decode(data: bytes) -> Fields:
    """All fields of a message, by number, in order."""
    fields: Fields = {}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = _value(data, at, tag & 7)
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def text(fields: Fields, number: int) -> list[str]:
    """The values of a string field."""
    return [value.decode() for value in fields.get(number, []) if isinstance(value, bytes)]


def message(fields: Fields, number: int) -> Fields:
    """The (last) value of a field that is a message, empty without one."""
    values = [value for value in fields.get(number, []) if isinstance(value, bytes)]
    return decode(values[-1]) if values else {}


def integer(fields: Fields, number: int, default: int = 0) -> int:
    """The (last) value of a field that is a number."""
    values = [value for value in fields.get(number, []) if isinstance(value, int)]
    return values[-1] if values else default


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return varint(number << 3 | _VARINT) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _BYTES) + varint(len(raw)) + raw


def _value(data: bytes, at: int, wire_type: int) -> tuple[int | bytes, int]:
    match wire_type:
        case 0:
            return read_varint(data, at)
        case 1:
            return int.from_bytes(data[at : at + 8], "little"), at + 8
        case 2:
            size, at = read_varint(data, at)
            return data[at : at + size], at + size
        case 5:
            return int.from_bytes(data[at : at + 4], "little"), at + 4
    raise ValueError(f"wire type {wire_type}")
