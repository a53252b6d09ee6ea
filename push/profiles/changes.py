"""What changes of people, noted in the transaction that changes it, for hooks that ask for it.

whoever writes about people ─note▶ changes ─number (push.deliver.hook_changes)▶ events ─▶ a turn at a hook ─outgoing▶

A note says of what kind a change is, never what somebody is like: that is read once a hook is told. Nobody waits for a
note, and where no hook asks for its kind there is none.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from push.model.hooks import ChangeKind
from push.model.people import Purpose
from push.model.ports import Queries, Transaction
from push.profiles.identity.facets import listed
from push.profiles.keys import DataKey

CONTEXT: Final = "changed"
"""What the names of traits are sealed for: they may be personal, too."""


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a note says in clear: which segment, which purposes are granted now, or which farewell goes with it."""

    segment: str = ""
    purposes: dict[Purpose, bool] = {}
    farewell: str = ""


class Moved(NamedTuple):
    """Somebody entered a segment, or left it."""

    kind: ChangeKind
    person: str
    segment: str


async def wanted(db: Queries, kind: ChangeKind) -> bool:
    """Whether any hook asks for this kind."""
    return await db.fetch_one("changes.wanted", kind=kind) is not None


async def consents(tx: Transaction, changed: Mapping[str, Mapping[Purpose, bool]]) -> None:
    """Note what facets grant now and did not, or the other way round."""
    told = {facet: purposes for facet, purposes in changed.items() if purposes}
    if told and await wanted(tx, "profile.consent_changed"):
        rows = [{"shopper": facet, "detail": _detail(purposes=dict(told[facet]))} for facet in sorted(told)]
        await tx.execute_many("changes.note_consent", rows)


async def people(tx: Transaction, before: Mapping[str, str], after: Mapping[str, str], now_ms: int) -> None:
    """Note who of several people became one, and who of one several: by facet, whose it was and whose it is.

    Who is met just now with another identifier was never two.
    """
    merged, split = _merged(before, after), _merged(after, before)
    parted = {one for was in split.values() for one in was}
    if merged and await wanted(tx, "profile.merged"):
        moved = listed(facet for facet, person in after.items() if before.get(facet, person) != person)
        joined = {after[row["id"]] for row in await tx.fetch("changes.known_before", ids=moved, now_ms=now_ms)}
        await _note(tx, [("profile.merged", person, None) for person in sorted(joined & merged.keys())])
    if parted and await wanted(tx, "profile.split"):
        await _note(tx, [("profile.split", person, None) for person in sorted(parted)])


def _merged(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, set[str]]:
    """Who is several people's now: by person, who they were."""
    found: dict[str, set[str]] = {}
    for facet in after.keys() & before.keys():
        found.setdefault(after[facet], set()).add(before[facet])
    return {person: were for person, were in found.items() if len(were) > 1}


async def traits(tx: Transaction, keys: Mapping[str, DataKey], changed: Mapping[str, Collection[str]]) -> None:
    """Note which traits hold something else now, by facet, once for each person; the keys are the facets'."""
    whose = {row["id"]: row["person"] for row in await tx.fetch("identity.persons", ids=listed(changed))}
    hers: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for facet, names in sorted(changed.items()):
        if names:
            person = whose.get(facet, facet)
            hers.setdefault(person, set()).update(names)
            first.setdefault(person, facet)
    rows = [(first[person], msgspec.json.encode(sorted(names))) for person, names in hers.items()]
    await tx.execute_many(
        "changes.note",
        [
            {"kind": "profile.traits_changed", "shopper": who, "detail": None, "sealed": keys[who].seal(names, CONTEXT)}
            for who, names in rows
        ],
    )


def unsealed(sealed: bytes, key: DataKey) -> tuple[str, ...]:
    """The names of traits in a note. Raises `push.model.vault.SealError`."""
    return msgspec.json.decode(key.open(sealed, CONTEXT), type=tuple[str, ...])


async def segments(tx: Transaction, moved: Iterable[Moved]) -> None:
    """Note who entered segments, and who left."""
    rows = list(moved)
    asked = {kind for kind in {one.kind for one in rows} if await wanted(tx, kind)}
    await _note(tx, [(one.kind, one.person, _detail(segment=one.segment)) for one in rows if one.kind in asked])


async def erased(tx: Transaction, farewell: str) -> None:
    """Note that somebody is erased; who, her farewell alone says."""
    await _note(tx, [("profile.erased", "", _detail(farewell=farewell))])


async def _note(tx: Transaction, rows: Iterable[tuple[ChangeKind, str, str | None]]) -> None:
    await tx.execute_many(
        "changes.note",
        [{"kind": kind, "shopper": who, "detail": detail, "sealed": None} for kind, who, detail in rows],
    )


def _detail(segment: str = "", purposes: dict[Purpose, bool] | None = None, farewell: str = "") -> str:
    return msgspec.json.encode(Detail(segment=segment, purposes=purposes or {}, farewell=farewell)).decode()
