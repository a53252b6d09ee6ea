"""Which moments may be answered, by how old their evidence is."""

import pytest

from push.ingest.record import is_fresh
from push.model.presence import Moment, MomentKind
from push.model.sites import Rules

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("kind", "silent_s", "fresh"),
    [("zone_entered", 30, True), ("zone_entered", 31, False), ("left", 61, True), ("left", 91, False)],
)
def test_whoever_left_was_silent_for_as_long_as_it_takes_to_leave(kind: MomentKind, silent_s: int, fresh: bool) -> None:  # noqa: FBT001 - a case
    moment = Moment(
        id="m", kind=kind, store="s", zone=None, shopper="ann", visit="v", mark_s=0,
        at_ms=NOW_MS, heard_ms=NOW_MS - 1000 * silent_s, received_ms=NOW_MS,
    )  # fmt: skip
    rules = Rules(stale_s=30, leave_after_s=12, ranged_leave_after_s=60)
    assert is_fresh(moment, rules, NOW_MS) is fresh
