import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.ids import WIDTH, IdKind, padded
from beacons.wire import GatewayConfig
from gateway.filter import Filter, FilterError

kinds = st.sampled_from(list(IdKind))


@st.composite
def ids(draw: st.DrawFn) -> tuple[IdKind, bytes]:
    kind = draw(kinds)
    return kind, draw(st.binary(min_size=WIDTH[kind], max_size=WIDTH[kind]))


def config(
    passing: list[tuple[IdKind, bytes]], dropping: list[tuple[IdKind, bytes]], *, pass_eid: bool = True
) -> GatewayConfig:
    return GatewayConfig(
        version=1,
        pass_kind=bytes(kind for kind, _ in passing),
        pass_id=b"".join(padded(value) for _, value in passing),
        drop_kind=bytes(kind for kind, _ in dropping),
        drop_id=b"".join(padded(value) for _, value in dropping),
        pass_eid=pass_eid,
    )


@given(passing=st.lists(ids(), max_size=8), dropping=st.lists(ids(), max_size=8), other=ids(), pass_eid=st.booleans())
def test_what_passes_is_what_was_asked_for_and_not_dropped(
    passing: list[tuple[IdKind, bytes]],
    dropping: list[tuple[IdKind, bytes]],
    other: tuple[IdKind, bytes],
    pass_eid: bool,  # noqa: FBT001 - hypothesis passes by name
) -> None:
    chosen = Filter(config(passing, dropping, pass_eid=pass_eid))
    for kind, value in [*passing, *dropping, other]:
        wanted = (kind, value) in passing or (kind == IdKind.EID and pass_eid)
        assert chosen.passes(kind, value) == (wanted and (kind, value) not in dropping)


def test_without_a_config_nothing_passes() -> None:
    chosen = Filter(None)
    assert chosen.installing
    assert not chosen.passes(IdKind.EID, bytes(8))


@pytest.mark.parametrize(
    ("pass_kind", "pass_id"), [(b"\x01", b""), (b"", bytes(20)), (b"\x01", bytes(19)), (b"\x09", bytes(20))]
)
def test_a_filter_that_makes_no_sense_is_refused(pass_kind: bytes, pass_id: bytes) -> None:
    with pytest.raises(FilterError, match="expected"):
        Filter(GatewayConfig(version=1, pass_kind=pass_kind, pass_id=pass_id))
