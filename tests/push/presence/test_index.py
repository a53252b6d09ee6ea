"""An index finds every key that was put in and not taken out, and no other, however close keys come to lie."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from push.presence.index import NOBODY, Index, key_of

SPREAD_INVERSE = pow(0x9E3779B97F4A7C15, -1, 2**64)
"""Times this, keys come to lie where their highest bits say: next to each other, or at the very end."""
keys_drawn = st.lists(
    st.integers(1, 2**64 - 1)
    | st.integers(1, 40).map(lambda n: n * SPREAD_INVERSE % 2**64)
    | st.integers(0, 40).map(lambda n: (2**64 - 1 - n) * SPREAD_INVERSE % 2**64),
    unique=True,
    max_size=80,
)


def keys_of(listed: list[int]) -> np.ndarray:
    return np.array(listed, dtype=np.uint64)


@given(keys_drawn, st.data())
def test_keys_are_found_until_they_are_taken_out(keys: list[int], data: st.DataObject) -> None:
    index = Index()
    held: dict[int, int] = {}
    cuts = data.draw(st.integers(0, len(keys)))
    for part in (keys[:cuts], keys[cuts:]):
        index.put(keys_of(part), np.array([keys.index(key) for key in part], dtype=np.int32))
        held |= {key: keys.index(key) for key in part}
        for key in data.draw(st.lists(st.sampled_from(sorted(held)), unique=True)) if held else []:
            index.drop(np.uint64(key))
            del held[key]
        wanted = [held.get(key, NOBODY) for key in keys]
        assert index.find(keys_of(keys)).tolist() == wanted


def test_an_index_grows_as_it_is_filled() -> None:
    index, many = Index(), 5_000
    sites = np.arange(many, dtype=np.int32) % 7
    keys = key_of(np.arange(many, dtype=np.uint64), sites)
    index.put(keys, np.arange(many, dtype=np.int32))
    assert index.find(keys).tolist() == list(range(many))
    assert index.find(key_of(np.arange(many, 2 * many, dtype=np.uint64), sites)).tolist() == [NOBODY] * many
