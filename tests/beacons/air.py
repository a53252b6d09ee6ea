"""Every Frame that can stand on air, for hypothesis and for fuzzing."""

from typing import Final

from hypothesis import strategies as st

from beacons.frames import AltBeacon, EddystoneUid, EddystoneUrl, Eid, EncryptedTlm, Frame, IBeacon, Tlm
from beacons.frames.url import EXPANSIONS, MAX_TEXT, SCHEMES


def fixed(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def unsigned(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, 256**size - 1)


POWER: Final = st.integers(-128, 127)
TEXT: Final = st.lists(st.sampled_from(sorted(EXPANSIONS.values())), max_size=MAX_TEXT).map("".join)
URL: Final = st.builds(str.__add__, st.sampled_from(SCHEMES), TEXT)
CELSIUS: Final = st.none() | st.integers(-0x7FFF, 0x7FFF).map(lambda steps: steps / 256)

TLM: Final = st.builds(Tlm, unsigned(2), CELSIUS, unsigned(4), unsigned(4))
FRAMES: Final[st.SearchStrategy[Frame]] = st.one_of(
    st.builds(IBeacon, fixed(16), unsigned(2), unsigned(2), POWER),
    st.builds(AltBeacon, unsigned(2), fixed(20), POWER, unsigned(1)),
    st.builds(EddystoneUid, POWER, fixed(10), fixed(6)),
    st.builds(EddystoneUrl, POWER, URL),
    TLM,
    st.builds(EncryptedTlm, fixed(12), fixed(2), fixed(2)),
    st.builds(Eid, POWER, fixed(8)),
)

EXAMPLES: Final[tuple[Frame, ...]] = (
    IBeacon(bytes(range(16)), 1, 2, -59),
    AltBeacon(0x0118, bytes(range(20)), -61, 7),
    EddystoneUid(-20, b"namespaces", b"spaces"),
    EddystoneUrl(-18, "https://www.example.com/a?b"),
    Tlm(2950, -3.5, 70_000, 6_000_000),
    Tlm(0, None, 0, 0),
    EncryptedTlm(b"twelve bytes", b"sa", b"mc"),
    Eid(-10, b"rotating"),
)
"""One of each kind, and telemetry that measures nothing."""
