"""Gateways that say what was sealed beforehand, as fast as they are told to, in a process of their own.

MQTT 3.1.1 written straight to a socket: a client would cost more than what is measured on the other side.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import numpy as np

from beacons.topics import topic
from beacons.wire import key_of, seal
from tests.bench import crowd as crowds
from tests.bench.crowd import Crowd

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized  # generic for type checkers alone

STEP_S: Final = 0.005
AHEAD_S: Final = 0.5
"""No more than what is to be sent in so long waits to be handled: the load waits for the server, and loses nothing."""
STALLED_S: Final = 10.0
COMPANY_MS: Final = 80
"""A gateway waits so long for company before it tells of who is new."""
PROBE_DBM: Final = -52.0
AGAIN_S: Final = 60.0
"""While others come in, whoever is in is heard again by one gateway once in so long."""


class Send(NamedTuple):
    """So many sightings in batches of `size`, so many a second; a probe every `probe_s`, 0: none."""

    sightings: int
    size: int
    rate: float
    probe_s: float = 0.0
    first_probe: int = 0


class Fill(NamedTuple):
    """Everybody comes in, store by store, so many people a second at most, each heard by all gateways of her store."""

    size: int
    people_s: float


def feed(pipe: Connection, url: str, crowd: Crowd, handled: "Synchronized[int]") -> None:
    """Send what is asked for, until nothing is."""
    feeder = Feeder(url, crowd, handled)
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        pipe.send(feeder.fill(asked) if isinstance(asked, Fill) else feeder.run(asked))


class Feeder:
    """All gateways, over one connection."""

    def __init__(self, url: str, crowd: Crowd, handled: "Synchronized[int]") -> None:
        self._crowd = crowd
        self._handled = handled
        self._sequences: dict[str, int] = {}
        self._rounds: dict[int, list[crowds.Round]] = {}
        self._ids = crowds.ids_of(crowd)
        self._sent = self._lost = 0
        self._socket = _connected(url)

    def run(self, asked: Send) -> tuple[int, int, float]:
        """Sightings sent, probes among them, and the seconds that it took."""
        packets = list(self._sealed(asked))
        began_s, before, probes = time.monotonic(), self._sent, 0
        waiting: list[bytes] = []
        for packet, many in packets:
            waiting.append(packet)
            self._sent += many
            if asked.probe_s and time.monotonic() - began_s > probes * asked.probe_s + asked.probe_s:
                waiting.append(self._probe(asked.first_probe + probes))
                probes += 1
            ahead_s = (self._sent - before) / asked.rate - (time.monotonic() - began_s)
            if ahead_s > 0:
                self._socket.sendall(b"".join(waiting))
                waiting.clear()
                time.sleep(max(STEP_S, ahead_s))
                self._wait(asked.rate)
        self._socket.sendall(b"".join(waiting))
        return self._sent - before, probes, time.monotonic() - began_s

    def fill(self, asked: Fill) -> tuple[int, int, float]:
        """Sightings sent, probes among them, and the seconds that it took."""
        made, stores = self._made(asked.size)[0], self._crowd.stores
        began_s = at_s = time.monotonic()
        before, due, turn = self._sent, 0.0, 0
        for store in range(stores):
            self._say(made, [n for ear in range(crowds.EARS) for n in self._batches(made, store, ear)])
            self._wait(crowds.EARS * asked.people_s)
            come_s = (store + 1) / stores * self._crowd.people / asked.people_s
            time.sleep(max(0.0, began_s + come_s - time.monotonic()))
            due += (store + 1) * (time.monotonic() - at_s) / AGAIN_S
            at_s = time.monotonic()
            while due >= 1:
                self._say(made, self._batches(made, turn % (store + 1), turn % crowds.EARS))
                self._wait(crowds.EARS * asked.people_s)
                turn, due = turn + 1, due - 1
        return self._sent - before, 0, time.monotonic() - began_s

    def _batches(self, made: crowds.Round, store: int, ear: int) -> range:
        """Those of one gateway: `rounds` has them in order of ears, then stores."""
        each = len(made.topics) // (self._crowd.stores * crowds.EARS)
        first = (ear * self._crowd.stores + store) * each
        return range(first, first + each)

    def _say(self, made: crowds.Round, which: Sequence[int]) -> None:
        packets = [_publish(*sealed) for sealed in made.sealed(self._sequences, which)]
        self._sent += sum(len(made.batches[n].sightings.kind) for n in which)
        self._socket.sendall(b"".join(packets))

    def _made(self, size: int) -> list[crowds.Round]:
        if size not in self._rounds:
            self._rounds[size] = crowds.rounds(self._crowd, size)
        return self._rounds[size]

    def _wait(self, rate: float) -> None:
        """Until the server has come near. What it never says that it handled is lost, and waited for no longer."""
        seen, since_s = -1, time.monotonic()
        while self._sent - self._lost - self._handled.value > max(rate * AHEAD_S, 20_000):
            if self._handled.value != seen:
                seen, since_s = self._handled.value, time.monotonic()
            elif time.monotonic() > since_s + STALLED_S:
                self._lost = self._sent - seen
            time.sleep(STEP_S)

    def _sealed(self, asked: Send) -> Iterator[tuple[bytes, int]]:
        left = asked.sightings
        for made in cycle(self._made(asked.size)):
            for (where, payload), batch in zip(made.sealed(self._sequences), made.batches, strict=False):
                many = len(batch.sightings.kind)
                yield _publish(where, payload), many
                left -= many
                if left <= 0:
                    return

    def _probe(self, number: int) -> bytes:
        """Somebody who comes into a store now, first heard `COMPANY_MS` ago."""
        person = self._crowd.people + number
        store = number % self._crowd.stores
        name = crowds.gateway(store, 0)
        now_ms = time.time_ns() // 1_000_000
        sequence = self._sequences[name] = self._sequences.get(name, 0) + 1
        heard = crowds.batch(name, self._ids[person : person + 1], np.array([PROBE_DBM]), crowds.HEARD_MS - COMPANY_MS)
        batch = msgspec.structs.replace(
            heard, sequence=sequence, offset_ms=0, base_ms=now_ms - crowds.HEARD_MS, sent_boot_ms=now_ms
        )
        where = topic(f"s{store}", name, "sightings")
        self._sent += 1
        return _publish(where, seal(batch, key_of(crowds.secret(name)), "up", where))


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    found = socket.create_connection((parts.hostname or "", parts.port or 0))
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    texts = b"".join(_text(t) for t in ("footfall-bench", parts.username or "", parts.password or ""))
    found.sendall(
        _packet(0x10, _text("MQTT") + b"\x04\xc2\x00\x00" + texts)
    )  # 3.1: user, password, clean, no keep-alive
    answer = found.recv(4)
    if answer[3:] != b"\0":
        raise ConnectionRefusedError(f"CONNACK {answer!r}")
    return found


def _publish(where: str, payload: bytes) -> bytes:
    """A PUBLISH at QoS 0 (MQTT 3.1.1, 3.3)."""
    return _packet(0x30, _text(where) + payload)


def _packet(kind: int, rest: bytes) -> bytes:
    left, length = len(rest), b""
    while left > 0x7F:
        length += bytes([left & 0x7F | 0x80])
        left >>= 7
    return bytes([kind]) + length + bytes([left]) + rest


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw
