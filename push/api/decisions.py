"""Decisions, one by one: what each rested on, made again; and what to show her at a till or on a website."""

from typing import Annotated, Final

import msgspec

from beacons.topics import Id
from push.api.contract import OPERATOR, SENDER, Call, Context, Endpoint, ProblemError
from push.campaigns import receipts
from push.campaigns.receipts import ReplayError
from push.model.campaigns import TriggerKind
from push.model.decisions import Considered, Occasion, Receipt
from push.model.delivery import Content
from push.model.errors import OverloadedError
from push.model.ids import fresh
from push.profiles import keys
from push.profiles.keys import ErasedError


class DecisionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, and what became of every campaign that was considered.

    `propensity` is how likely this variant was before it was drawn; `held_out` would have spoken and must not, so that
    their effect can be told; `left_out` is how many more campaigns there were than one decision considers. `kind` and
    `engine` are None of decisions from before what they rested on was kept.
    """

    id: str
    moment: str
    shopper: str
    store: str
    campaign: str | None
    considered: tuple[Considered, ...]
    variant: dict[str, str]
    propensity: float
    eligible: tuple[str, ...]
    held_out: tuple[str, ...]
    decided_ms: int
    kind: TriggerKind | None
    engine: int | None
    left_out: int


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that was made again of what is recorded: whether it is the same, bit for bit, and what it is now.

    `same` is None where it cannot be made again; `why` says so.
    """

    same: bool | None
    why: str = ""
    recorded: str | None
    """The campaign that was chosen."""
    again: str | None = None
    """And the one that is now."""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom something is to be shown to, and where: a store and a zone of it, or neither (a website)."""

    shopper: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    store: Id | None = None
    zone: Id | None = None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What to show her: `content` is None where silence is better; `decision` says why."""

    decision: str | None
    campaign: str | None
    content: Content | None


async def _receipt(context: Context, call: Call) -> Receipt:
    row = await context.db.fetch_one("campaigns.decision", id=call.path["id"])
    if row is None or not call.principal.sees(row["store"] or None):
        raise ProblemError(404, "Unknown decision", "GET /v1/decisions lists those that there are.")
    await keys.look_for(context.keyring, [row])
    try:
        return receipts.unseal(context.keyring, row)
    except ErasedError:
        raise ProblemError(404, "Unknown decision", "Whom it was about was erased, and why with her.") from None


async def decision(context: Context, call: Call) -> DecisionDetail:
    """Why she got it, and why not each of the others."""
    receipt = await _receipt(context, call)
    made, inputs = receipt.decision, receipt.inputs
    return DecisionDetail(
        id=made.id,
        moment=made.moment,
        shopper=made.shopper,
        store=made.store,
        campaign=made.campaign,
        considered=made.considered,
        variant=made.variant,
        propensity=made.propensity,
        eligible=made.eligible,
        held_out=made.held_out,
        decided_ms=made.decided_ms,
        kind=None if inputs is None else inputs.occasion.kind,
        engine=None if inputs is None else inputs.engine,
        left_out=0 if inputs is None else inputs.left_out,
    )


async def replay(context: Context, call: Call) -> Replayed:
    """Make a decision again of what is recorded; nothing is sent."""
    receipt = await _receipt(context, call)
    try:
        again = await receipts.replay(context.db, receipt, context.deciding.in_force.zones)
    except ReplayError as error:
        return Replayed(same=None, why=str(error), recorded=receipt.decision.campaign)
    return Replayed(
        same=msgspec.json.encode(again) == msgspec.json.encode(receipt.decision),
        recorded=receipt.decision.campaign,
        again=again.campaign,
    )


async def decide(context: Context, call: Call) -> Shown:
    """What to show somebody here and now: the same rules, caps and patience as for everything else."""
    question: Question = call.body
    if question.zone is not None and question.store is None:
        raise ProblemError(400, "Not understood", "zone: a store was expected with it.")
    now_ms = context.clock.now_ms()
    occasion = Occasion(
        id=fresh("ask"),
        kind="asked",
        shopper=question.shopper,
        store=question.store or "",
        zone=question.zone,
        at_ms=now_ms,
        heard_ms=now_ms,
        received_ms=now_ms,
    )
    try:
        found = await context.asker.ask(occasion)
    except OverloadedError:
        raise ProblemError(503, "Too much at once", "Ask again in a second.", {"Retry-After": "1"}) from None
    if found is None:
        return Shown(decision=None, campaign=None, content=None)
    said = None if found.sent is None else found.sent.content
    return Shown(decision=found.decision.id, campaign=found.decision.campaign, content=said)


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/decisions/{id}", OPERATOR, "Why she got it, or not", decision, result=DecisionDetail, errors=(404,),
        role="editor", reach="own",
    ),
    Endpoint(
        "POST", "/v1/decisions/{id}/replay", OPERATOR, "Make a decision again", replay, result=Replayed,
        errors=(404,), role="editor", reach="own",
    ),
    Endpoint(
        "POST", "/v1/decide", SENDER, "What to show her here and now", decide, body=Question, result=Shown,
        role="editor",
    ),
)  # fmt: skip
