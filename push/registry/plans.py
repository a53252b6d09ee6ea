"""Floor plans: how large a store's floor is, its walls, and a picture of it where there is one."""

import hashlib
from itertools import islice
from typing import NamedTuple

import msgspec

from push.model.errors import AbsentError, Fault, MisfitError, StaleError
from push.model.ports import Queries, Row, Transaction
from push.registry import editing, zones
from push.registry.audit import audit
from push.registry.editing import EXISTING, Written
from push.registry.layout import Plan, plan_of, wall_problems, walls_as_json
from push.registry.pictures import Picture
from push.registry.records import Hand, Signed, signed


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of a plan: it changes with its `digest`."""

    digest: str
    width_px: int
    height_px: int


class PlanRecord(Signed, frozen=True, kw_only=True):
    """A plan, its picture where it has one, and who changed it last."""

    plan: Plan
    image: Shown | None


class Image(NamedTuple):
    """The picture itself, as WebP."""

    digest: str
    content: bytes


async def plan(db: Queries, store: str) -> PlanRecord | None:
    """A store's plan, None where it has none."""
    row = await db.fetch_one("plans.get", store=store)
    return None if row is None else _record(row)


def _record(row: Row) -> PlanRecord:
    image = None
    if row["digest"] is not None:
        image = Shown(digest=row["digest"], width_px=row["width_px"], height_px=row["height_px"])
    return PlanRecord(plan=plan_of(row), image=image, **msgspec.structs.asdict(signed(row)))


async def image(db: Queries, store: str) -> Image | None:
    """The picture of a store's plan, None where it has none."""
    row = await db.fetch_one("plans.image", store=store)
    return None if row is None else Image(row["digest"], bytes(row["content"]))


async def put_plan(tx: Transaction, store: str, item: Plan, hand: Hand, expect: int | None = None) -> Written:
    """Give a store a plan, or change its size and walls.

    Raises `AbsentError`: there is no such store; `StaleError`; `MisfitError`: a zone or a wall would lie outside, or a
    wall is none.
    """
    if await editing.store(tx, store) is None:
        raise AbsentError(f"store {store}")
    before = await plan(tx, store)
    _expect(store, before, expect)
    if before is not None and before.plan == item:
        return Written(revision=before.revision, is_new=False, is_changed=False)
    await _refuse_misfits(tx, store, item)
    floor = {"width_m": item.width_m, "height_m": item.height_m, "walls": walls_as_json(item)}
    await tx.execute("plans.put", store=store, **floor, changed_by=hand.actor, changed_ms=hand.at_ms)
    was = None if before is None else before.plan
    await audit(tx, hand.actor, "put plan", f"plan of store {store}", hand.at_ms, before=was, after=item, store=store)
    revision = 1 if before is None else before.revision + 1
    return Written(revision=revision, is_new=before is None, is_changed=True)


async def _refuse_misfits(tx: Transaction, store: str, item: Plan) -> None:
    faults = [Fault("walls", text) for text in islice(wall_problems(item), editing.MOST_NAMED)]
    for held in await editing.zones(tx, store):
        outside = zones.plan_problem(held.item.polygon_m, (item.width_m, item.height_m))
        if outside is not None:
            faults.append(Fault("width_m", f"zone {held.item.id}: {outside}"))
    if faults:
        raise MisfitError(f"plan of store {store}", tuple(faults))


async def put_image(tx: Transaction, store: str, picture: Picture, hand: Hand, expect: int | None = None) -> int:
    """Give a store's plan a picture; the plan's revision. Raises `AbsentError`: it has no plan; `StaleError`."""
    before = await _present(tx, store, expect)
    digest = hashlib.blake2b(picture.content, digest_size=16).hexdigest()
    after = Shown(digest=digest, width_px=picture.width_px, height_px=picture.height_px)
    if before.image == after:
        return before.revision
    await tx.execute("plans.put_image", store=store, content=picture.content, **msgspec.structs.asdict(after))
    await tx.execute("plans.touch", store=store, changed_by=hand.actor, changed_ms=hand.at_ms)
    subject = f"plan of store {store}"
    await audit(tx, hand.actor, "put image", subject, hand.at_ms, before=before.image, after=after, store=store)
    return before.revision + 1


async def delete_image(tx: Transaction, store: str, hand: Hand, expect: int | None = None) -> None:
    """Take the picture of a store's plan away. Raises `AbsentError`: there is none; `StaleError`."""
    before = await _present(tx, store, expect)
    if before.image is None:
        raise AbsentError(f"image of store {store}'s plan")
    await tx.execute("plans.delete_image", store=store)
    await tx.execute("plans.touch", store=store, changed_by=hand.actor, changed_ms=hand.at_ms)
    subject = f"plan of store {store}"
    await audit(tx, hand.actor, "delete image", subject, hand.at_ms, before=before.image, store=store)


async def delete_plan(tx: Transaction, store: str, hand: Hand, expect: int | None = None) -> None:
    """Delete a store's plan with its picture; its zones stay. Raises `AbsentError`, `StaleError`."""
    before = await _present(tx, store, expect)
    await tx.execute("plans.delete_image", store=store)
    await tx.execute("plans.delete", store=store)
    subject = f"plan of store {store}"
    await audit(tx, hand.actor, "delete plan", subject, hand.at_ms, before=before.plan, store=store)


async def _present(tx: Transaction, store: str, expect: int | None) -> PlanRecord:
    before = await plan(tx, store)
    if before is None:
        raise AbsentError(f"plan of store {store}")
    _expect(store, before, expect)
    return before


def _expect(store: str, before: PlanRecord | None, expect: int | None) -> None:
    """Raises `StaleError` where it is not as the caller saw it."""
    if expect is None or (before is None and expect == 0):
        return
    if before is None:
        raise StaleError(f"plan of store {store}", "", 0, 0, None)
    if expect not in {EXISTING, before.revision}:
        by, at_ms = before.changed_by, before.changed_ms
        raise StaleError(f"plan of store {store}", by, at_ms, before.revision, before.plan)
