"""What a rule says of each of its subjects at the end of a minute."""

from collections.abc import Sequence
from typing import NamedTuple

from push.health.columns import Bools
from push.model.health import Ints, Kind, SubjectKind

Key = tuple[Kind, str]
"""A trouble, and whose it is."""


class Verdict(NamedTuple):
    """Of n subjects: which are `bad`, and of which nobody can tell; the others are fine.

    What is bad for `hold_min` minutes is a finding, since `since_ms` (0: since it is bad); what is fine for `clear_min`
    minutes is none any more.
    """

    kind: Kind
    subject_kind: SubjectKind
    subjects: Sequence[str]
    bad: Bools
    unsure: Bools
    since_ms: Ints
    hold_min: int = 0
    clear_min: int = 10


class Lasting(NamedTuple):
    """Something that is wrong, and for long enough."""

    kind: Kind
    subject_kind: SubjectKind
    subject: str
    since_ms: int
