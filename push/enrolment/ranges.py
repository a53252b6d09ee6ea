"""Many fixtures in one go: those whose static ids count up, as a box of them comes from its maker."""

import re
from typing import Annotated, Final, Literal

import msgspec

from beacons.ids import KINDS, WIDTH
from beacons.registry import Beacon
from beacons.topics import Id, is_id
from push.model.errors import Fault, MisfitError, TakenError
from push.model.ports import Queries, Transaction
from push.registry import checks
from push.registry.audit import audit
from push.registry.records import Hand, columns

MOST: Final = 10_000
_MOST_NAMED: Final = 10
_COUNTED: Final = {"ibeacon": 2, "altbeacon": 2, "uid": 6}
"""Bytes at the end of an id that count: minor (Apple, Proximity Beacon Specification), the last two of an AltBeacon's
20, instance (Eddystone-UID, "Frame Specification")."""
_NUMBER: Final = re.compile(r"\{n(?::0?([0-9]{1,2}))?\}")

StaticFormat = Literal["ibeacon", "altbeacon", "uid"]
Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f-]{1,64}$(?!\n)")]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**48 - 1)]


class RangeIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of ids, both ends included, and where its fixtures will be.

    `base` is what they share, in hex: UUID and, where there is one, `major` beside it (iBeacon), the first 18 bytes
    (AltBeacon), the namespace (UID). `id` names each of them: ``{n}`` is its number, ``{n:04}`` with four digits.
    """

    format: StaticFormat
    base: Hex
    major: Annotated[int, msgspec.Meta(ge=0, le=65_535)] | None = None
    first: Number
    last: Number
    store: Id
    zone: Id | None = None
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "fixture-{n}"
    power_1m_dbm: Annotated[int, msgspec.Meta(ge=-128, le=20)] = -59
    model: Annotated[str, msgspec.Meta(max_length=200)] = ""
    battery: Annotated[str, msgspec.Meta(max_length=200)] = ""


def fixtures(asked: RangeIn) -> tuple[Beacon, ...]:
    """The fixtures of a range. Raises `MisfitError`."""
    base, faults = _base(asked)
    faults += _faults(asked)
    if faults:
        raise MisfitError("range", tuple(faults))
    counted = _COUNTED[asked.format]
    return tuple(
        Beacon(
            id=_named(asked.id, number),
            role="fixture",
            format=asked.format,
            static_id=(base + number.to_bytes(counted, "big")).hex(),
            store=asked.store,
            zone=asked.zone,
            power_1m_dbm=asked.power_1m_dbm,
            model=asked.model,
            battery=asked.battery,
        )
        for number in range(asked.first, asked.last + 1)
    )


def _base(asked: RangeIn) -> tuple[bytes, list[Fault]]:
    try:
        base = bytes.fromhex(asked.base.replace("-", ""))
    except ValueError:
        return b"", [Fault("base", "base: pairs of hex digits were expected")]
    if asked.major is not None:
        base += asked.major.to_bytes(2, "big")
    expected = WIDTH[KINDS[asked.format]] - _COUNTED[asked.format]
    if len(base) == expected and (asked.major is None or asked.format == "ibeacon"):
        return base, []
    what = {"ibeacon": "a UUID of 16, and `major`", "altbeacon": "the first 18", "uid": "a namespace of 10"}
    return base, [Fault("base", f"base: of {asked.format} {what[asked.format]} bytes in hex were expected")]


def _faults(asked: RangeIn) -> list[Fault]:
    found = []
    if not 0 <= asked.last - asked.first < MOST:
        found.append(Fault("last", f"last: not before first was expected, and at most {MOST} fixtures"))
    if asked.last >= 1 << 8 * _COUNTED[asked.format]:
        found.append(Fault("last", f"last: at most {(1 << 8 * _COUNTED[asked.format]) - 1} was expected"))
    if len(_NUMBER.findall(asked.id)) != 1 or not is_id(_named(asked.id, asked.last)):
        found.append(Fault("id", "id: an id of [A-Za-z0-9_-] with {n} or {n:04} in it once was expected"))
    return found


def _named(pattern: str, number: int) -> str:
    return _NUMBER.sub(lambda found: f"{number:0{int(found[1] or 1)}}", pattern)


async def check(db: Queries, made: tuple[Beacon, ...]) -> None:
    """Whether all of them could be registered. Raises `MisfitError`, `TakenError`."""
    checks.refuse("range", await checks.place_faults(db, made[0].store, made[0].zone))
    await _refuse_taken(db, made)


async def register(tx: Transaction, made: tuple[Beacon, ...], hand: Hand) -> None:
    """Register all of them, or none. Raises `MisfitError`, `TakenError`."""
    first = made[0]
    await check(tx, made)
    await tx.execute_many("registry.put_beacon", [{**columns(one, hand), "key_sealed": None} for one in made])
    await tx.execute("registry.bump_config")
    told = {"first": first, "last": made[-1], "fixtures": len(made)}
    await audit(tx, hand.actor, "put range", f"beacon {first.id}", hand.at_ms, after=told, store=first.store)


async def _refuse_taken(db: Queries, made: tuple[Beacon, ...]) -> None:
    """A fixture of the range must be new: nothing that is registered is written over."""
    names = msgspec.json.encode([one.id for one in made]).decode()
    said = msgspec.json.encode([one.static_id for one in made]).decode()
    rows = await db.fetch("provisioning.taken", ids=names, said=said, most=_MOST_NAMED + 1)
    if rows:
        named = tuple(f"{row['kind']} {row['id']}" for row in rows[:_MOST_NAMED])
        more = " and more" if len(rows) > _MOST_NAMED else ""
        raise TakenError("range", f"{', '.join(named)}{more} has such an id already, or says one of these", named)
