"""By which rules people come and go, for a store and for one zone of it: what is said, and what follows from it."""

from typing import Final

import msgspec

from push.api.contract import OPERATOR, Call, Context, Endpoint, Reply
from push.api.records import hand
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.model.sites import Rules, ZoneRules
from push.registry import rules_editing
from push.registry.records import Signed
from push.registry.rules import StoreRules
from push.registry.rules_editing import Where


class StoreRulesRecord(Signed, frozen=True, kw_only=True):
    """What a store says (None: as the server is configured), and what holds in it; revision 0: it says nothing."""

    rules: StoreRules
    effective: Rules


class ZoneRulesRecord(Signed, frozen=True, kw_only=True):
    """What a zone says (None: as its store does), and what holds in it; revision 0: it says nothing."""

    rules: ZoneRules
    effective: ZoneRules


def _where(call: Call) -> Where:
    return Where(call.path["store"], call.path.get("zone", ""))


async def get_rules(context: Context, call: Call) -> Reply:
    """What is said of a store or a zone, and what holds there."""
    where = _where(call)
    with refusing():
        held = await rules_editing.read(context.db, where, context.rules)
    signature = msgspec.structs.asdict(held.signed)
    record: StoreRulesRecord | ZoneRulesRecord
    if where.zone:
        effective = msgspec.convert(held.effective, ZoneRules, from_attributes=True)
        record = ZoneRulesRecord(rules=held.rules, effective=effective, **signature)
    else:
        said = msgspec.convert(held.rules, StoreRules)
        record = StoreRulesRecord(rules=said, effective=held.effective, **signature)
    return Reply(record, headers=tag(held.signed.revision))


async def put_rules(context: Context, call: Call) -> Reply:
    """Say what differs in a store or a zone; what is left out is inherited."""
    with refusing():
        async with context.db.transaction() as tx:
            by, seen = hand(context, call), expected(call)
            written = await rules_editing.put(tx, _where(call), call.body, by, seen, default=context.rules)
    if written.is_changed:
        await context.reload()
    return await get_rules(context, call)


async def delete_rules(context: Context, call: Call) -> None:
    """Let a store or a zone say nothing any more."""
    with refusing():
        async with context.db.transaction() as tx:
            await rules_editing.delete(tx, _where(call), hand(context, call), expected(call))
    await context.reload()


_STORE: Final = "/v1/stores/{store}/presence"
_ZONE: Final = "/v1/stores/{store}/zones/{zone}/presence"
ENDPOINTS: Final = tuple(
    endpoint
    for path, whose, body, result in (
        (_STORE, "a store", StoreRules, StoreRulesRecord),
        (_ZONE, "a zone", ZoneRules, ZoneRulesRecord),
    )
    for endpoint in (
        Endpoint(
            "GET", path, OPERATOR, f"Rules of presence of {whose}", get_rules, result=result, errors=(404,),
            reach="store",
        ),
        Endpoint(
            "PUT", path, OPERATOR, f"Put the rules of presence of {whose}", put_rules, body, result,
            parameters=CONDITIONS, errors=(404, 412), reach="store",
        ),
        Endpoint(
            "DELETE", path, OPERATOR, f"Let {whose} have no rules of presence of its own", delete_rules,
            parameters=(IF_MATCH,), errors=(404, 412), reach="store",
        ),
    )
)  # fmt: skip
