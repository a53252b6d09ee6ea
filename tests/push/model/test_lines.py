"""Records begin where a line of the cache does, so that one as long as a line never lies in two."""

import numpy as np
import pytest

from push.model.lines import LINE_BYTES, zeros

RECORD = np.dtype([("anchor", np.int32, (12,)), ("last_ms", np.int64), ("alive_ms", np.int64)])


@pytest.mark.parametrize("many", [0, 1, 1_000, 100_000])
@pytest.mark.parametrize("kind", [np.dtype(np.uint32), RECORD])
def test_records_are_zeros_and_begin_with_a_line(many: int, kind: np.dtype[np.generic]) -> None:
    held = zeros(many, kind)
    assert held.shape == (many,)
    assert held.dtype == kind
    assert held.ctypes.data % LINE_BYTES == 0 or not many
    assert held.tobytes() == bytes(many * kind.itemsize)
