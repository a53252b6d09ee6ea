"""The floor of a store in metres: how large it is, and which walls stand on it. Pure, but for reading all of them."""

import json
from collections.abc import Iterator
from math import hypot
from typing import Annotated, Final

import msgspec

from push.model.ports import Queries, Row
from push.model.sites import Wall
from push.registry.zones import EDGE_M

Length = Annotated[float, msgspec.Meta(gt=0, le=2000)]
MOST_WALLS: Final = 500
"""Of one floor: every wall is looked at wherever somebody may walk, and drawn on every screen."""
LEAST_WALL_M: Final = 0.1
"""Shorter than a step is no wall: a slip of the hand."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A store's floor: its upper left corner is (0, 0), x runs to the right and y down, in metres.

    `walls` are straight, each from one point to another: nobody walks through them, and a way through one is a gap.
    """

    width_m: Length
    height_m: Length
    walls: Annotated[tuple[Wall, ...], msgspec.Meta(max_length=MOST_WALLS)] = ()


async def load(db: Queries) -> dict[str, Plan]:
    """The plan of every store that has one, without pictures."""
    return {row["store"]: plan_of(row) for row in await db.fetch("plans.all")}


def plan_of(row: Row) -> Plan:
    """The plan in a row, which may have more columns."""
    fields = {"width_m": row["width_m"], "height_m": row["height_m"], "walls": json.loads(row["walls"])}
    return msgspec.convert(fields, Plan)


def walls_as_json(plan: Plan) -> str:
    """Walls as their column holds them."""
    return msgspec.json.encode(plan.walls).decode()


def wall_problems(plan: Plan) -> Iterator[str]:
    """What is no wall on this plan: too short, or outside."""
    for number, wall in enumerate(plan.walls, start=1):
        (ax, ay), (bx, by) = wall
        if not hypot(bx - ax, by - ay) >= LEAST_WALL_M:
            yield f"wall {number} is {hypot(bx - ax, by - ay):.2f} m long, at least {LEAST_WALL_M:g} m were expected"
        for x, y in wall:
            if not (-EDGE_M <= x <= plan.width_m + EDGE_M and -EDGE_M <= y <= plan.height_m + EDGE_M):
                where = f"({x:g}, {y:g}) lies outside the plan of {plan.width_m:g} by {plan.height_m:g} m"
                yield f"wall {number}: {where}"
