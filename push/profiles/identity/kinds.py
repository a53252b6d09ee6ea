"""Kinds of identifiers: how each is spelled, which values are nobody's, what it proves, and how many a person has."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from push.model.profiles import Authority, Identifier, KindName
from push.profiles.identity import spelling
from push.profiles.identity.spelling import Normalise

Reason = Literal["", "unknown_kind", "junk", "malformed"]
"""Why a value points at nobody; empty where it points at somebody."""

KNOWN: Final = ("user_id", "shopper", "email", "phone", "tag")
"""Kinds that say who somebody is: what ships in an app or page may never link these, whatever is configured."""
_PROVEN: Final[tuple[Authority, ...]] = ("proven", "server")


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of identifier.

    A person has at most one value of a `unique` kind, and at most `most_per_person` of any other. The smaller its
    `priority`, the more it says who somebody is: it decides under which identifier a statement is kept, and which one
    stands for the person. Values that match a pattern of `never` as a whole are nobody's; so are those that nobody has
    anywhere (`push.profiles.identity.spelling`). `may_link` says whose word joins it with another.
    """

    unique: bool = False
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 60
    most_per_person: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    never: Annotated[tuple[str, ...], msgspec.Meta(max_length=200)] = ()
    may_link: tuple[Authority, ...] = _PROVEN
    normalise: Normalise = "none"

    def __post_init__(self) -> None:
        """Raise ValueError for a pattern that is none, or for a unique kind that a shipped key may link."""
        for pattern in self.never:
            try:
                re.compile(pattern)
            except re.error:
                raise ValueError(f"`never`: {pattern!r} is no regular expression") from None
        if self.unique and "publishable" in self.may_link:
            raise ValueError("`may_link`: a key that ships in an app or page may not link what is unique")

    @property
    def most(self) -> int:
        """Of which a person has so many at most."""
        return 1 if self.unique else self.most_per_person


BUILT_IN: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "shopper": Kind(priority=5, most_per_person=20, normalise="id"),
        "user_id": Kind(unique=True, priority=10),
        "email": Kind(priority=20, normalise="email"),
        "phone": Kind(priority=30, normalise="phone"),
        "device": Kind(priority=40, most_per_person=50),
        "tag": Kind(priority=45, most_per_person=20),
        "anonymous_id": Kind(
            priority=50, most_per_person=200, may_link=("publishable", "proven", "server"), normalise="none"
        ),
    }
)
"""The kinds that there always are, unless the settings say otherwise of one."""
_FORGOTTEN: Final = Kind(priority=1000, may_link=())
"""Of a kind that was taken out of the settings: what is known through it stays, but links nobody any more."""


def check_kinds(kinds: Mapping[str, Kind]) -> None:
    """Raise ValueError where a key that ships in an app or page might link who somebody is."""
    for name in KNOWN:
        if name in kinds and "publishable" in kinds[name].may_link:
            raise ValueError(f"`kinds.{name}.may_link`: a key that ships in an app or page may not link it")


class Kinds:
    """The kinds in force, and from how many people on an identifier is nobody's own.

    Raises ValueError as `check_kinds`.
    """

    def __init__(self, configured: Mapping[KindName, Kind] = MappingProxyType({}), shared_after: int = 10) -> None:
        check_kinds(configured)
        self.shared_after = shared_after
        self._kinds = {**BUILT_IN, **configured}
        self._never = {name: _pattern(kind.never) for name, kind in self._kinds.items()}

    def __contains__(self, name: str) -> bool:
        """Whether there is such a kind."""
        return name in self._kinds

    def __getitem__(self, name: str) -> Kind:
        """A kind; one that was taken out of the settings links nobody, and is the last to stand for anybody."""
        return self._kinds.get(name, _FORGOTTEN)

    def strongest(self, identifiers: Iterable[Identifier]) -> list[Identifier]:
        """In the order of how much they say who somebody is."""
        return sorted(identifiers, key=lambda one: (self[one.kind].priority, one.kind, one.value))

    def may_link(self, one: str, other: str, authority: Authority) -> bool:
        """Whether this word joins identifiers of two kinds."""
        return authority in self[one].may_link and authority in self[other].may_link

    def normalised(self, kind: str, value: str) -> tuple[Identifier | None, Reason]:
        """The identifier, spelled in the one way of its kind; or None, and why it points at nobody."""
        known = self._kinds.get(kind)
        if known is None:
            return None, "unknown_kind"
        spelled = spelling.spelled(value, known.normalise)
        if spelled is None:
            return None, "junk" if spelling.is_junk(value) else "malformed"
        never = self._never[kind]
        if spelling.is_junk(spelled) or (never is not None and never.fullmatch(spelled)):
            return None, "junk"
        return Identifier(kind, spelled), ""


def _pattern(never: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{one})" for one in never), re.IGNORECASE) if never else None
