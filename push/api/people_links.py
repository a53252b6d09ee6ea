"""Who is who, for operators: a person's graph, links by hand, what a link would do, cuts, and what the rules forbid."""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from beacons.topics import Id
from push.api import consents
from push.api.contract import OPERATOR, Call, Context, Endpoint
from push.api.people import note_look
from push.api.queries import After, asked, given, parameters
from push.api.refusals import refusing
from push.model.ids import fresh
from push.model.ports import Transaction
from push.model.tokens import Scope
from push.profiles.collect.apply import follow
from push.profiles.desk import Desk
from push.profiles.identity import merging, telling
from push.profiles.identity.links import REASONS, Said
from push.profiles.identity.merging import Decision, Hand, Merged
from push.profiles.identity.preview import Preview, foresee
from push.profiles.identity.telling import Graph, LinkTold, Place, Review
from push.registry import cursors
from push.registry.audit import audit

BACK_END: Final[frozenset[Scope]] = frozenset({"collector", "operator"})
"""Another system of the retailer's, or an operator: whoever may say who is who."""
Why = Annotated[str, Meta(max_length=200, description="Why, in words; name nobody.")]


class LinkIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two shoppers, by any id of theirs, that are one person."""

    a: Id
    b: Id

    def __post_init__(self) -> None:
        """Refuse a link to itself. Raises ValueError."""
        if self.a == self.b:
            raise ValueError("expected two different ids")


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody decides."""

    why: Why = ""


class DecisionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What might be decided about a link."""

    decision: Decision


class VerdictIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether two that the rules keep apart are two people, or one in spite of them."""

    decision: Literal["apart", "join"]
    why: Why = ""


class LinkOut(msgspec.Struct, frozen=True, kw_only=True):
    """A link, and everybody whom the call changed: as they were, and as they are."""

    link: LinkTold
    persons: tuple[str, ...]


class ReviewsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which reviews."""

    after: After | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=200, description="How many at most.")] = 50


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """Links that the rules forbid, the oldest first; `after` asks for the next page."""

    items: tuple[Review, ...]
    after: str | None


async def graph(context: Context, call: Call) -> Graph:
    """A person's identifiers, and every link between them, with its reason."""
    with refusing():
        found = await telling.graph(context.db, context.keyring, call.path["id"])
    await note_look(context, call, found.person)
    return found


async def new_link(context: Context, call: Call) -> LinkOut:
    """Link two shoppers by hand; where a rule forbids it, the link's state and `why_refused` say so."""
    body: LinkIn = call.body
    said, desk = _by_hand(context, call, body.a, body.b), context.collecting.desk

    async def linked(change: consents.Change) -> LinkOut:
        merged = await merging.link(change.tx, desk, [said], said.at_ms)
        with refusing():
            return await _done(change, desk, _Deed(call.actor, "link shoppers", said.id, said.at_ms), merged)

    return await consents.changed(context, linked)


def _by_hand(context: Context, call: Call, a: str, b: str) -> Said:
    now_ms = context.clock.now_ms()
    return Said(
        a=a, b=b, source=call.actor, authority="server", reason=REASONS["hand"], said=fresh("st"), at_ms=now_ms,
        received_ms=now_ms, vouched=False,
    )  # fmt: skip


async def cut(context: Context, call: Call) -> LinkOut:
    """Let a link hold no more: as if it had never been said."""
    return await _decide(context, call, call.path["id"], "cut", call.body.why)


async def restore(context: Context, call: Call) -> LinkOut:
    """Take back what was decided about a link: the rules decide again."""
    return await _decide(context, call, call.path["id"], "restore", call.body.why)


async def review(context: Context, call: Call) -> LinkOut:
    """Decide whether two that the rules keep apart are two people, or one in spite of them."""
    body: VerdictIn = call.body
    return await _decide(context, call, call.path["link"], "cut" if body.decision == "apart" else "join", body.why)


async def _decide(context: Context, call: Call, link: str, decision: Decision, why: str) -> LinkOut:
    hand, desk = Hand(call.actor, why, context.clock.now_ms()), context.collecting.desk

    async def decided(change: consents.Change) -> LinkOut:
        with refusing():
            merged = await merging.decide(change.tx, desk, link, decision, hand)
            return await _done(change, desk, _Deed(call.actor, f"{decision} link", link, hand.at_ms), merged)

    return await consents.changed(context, decided)


class _Deed(NamedTuple):
    actor: str
    action: str
    link: str
    at_ms: int


async def _done(change: consents.Change, desk: Desk, deed: _Deed, merged: Merged) -> LinkOut:
    """Bring into force what follows, note who did it, and tell what stands. Raises `AbsentError`."""
    told = await telling.link(change.tx, deed.link)
    await change.settle(merged.shoppers, deed.at_ms)
    await follow(change.tx, desk, merged.persons, deed.at_ms)
    await audit(change.tx, deed.actor, deed.action, f"link {told.id}", deed.at_ms, after={"state": told.state})
    return LinkOut(link=told, persons=tuple(sorted(merged.persons)))


async def preview_link(context: Context, call: Call) -> Preview:
    """What linking two shoppers by hand would do: who they are, and who they would be."""
    body: LinkIn = call.body
    said = _by_hand(context, call, body.a, body.b)

    async def doing(tx: Transaction) -> Merged:
        merged = await merging.link(tx, context.collecting.desk, [said], said.at_ms)
        await telling.link(tx, said.id)
        return merged

    with refusing():
        return await foresee(context.db, context.keyring, said.id, doing)


async def preview_decision(context: Context, call: Call) -> Preview:
    """What deciding about a link would do: who they are, and who they would be."""
    body: DecisionIn = call.body
    hand = Hand(call.actor, "", context.clock.now_ms())

    async def doing(tx: Transaction) -> Merged:
        return await merging.decide(tx, context.collecting.desk, call.path["id"], body.decision, hand)

    with refusing():
        return await foresee(context.db, context.keyring, call.path["id"], doing)


async def reviews(context: Context, call: Call) -> ReviewPage:
    """A page of what waits for somebody to look."""
    query = asked(call, ReviewsAsked)
    after = given(query.after)
    with refusing():
        begin = cursors.read(after, int) if after is not None else cursors.Position(-1, "")
    found = await telling.reviews(context.db, Place(int(begin.value), begin.id), query.limit)
    last = cursors.Position(found[-1].opened_ms, found[-1].link.id) if len(found) == query.limit else None
    return ReviewPage(items=tuple(found), after=None if last is None else cursors.written(last))


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/people/{id}/graph", OPERATOR, "Who somebody is, and why", graph, result=Graph, errors=(404,),
        role="editor",
    ),
    Endpoint(
        "POST", "/v1/links", BACK_END, "Say that two shoppers are one person", new_link, LinkIn, LinkOut, errors=(404,)
    ),
    Endpoint(
        "POST", "/v1/links/preview", OPERATOR, "What linking two shoppers would do", preview_link, LinkIn, Preview,
        errors=(404,),
    ),
    Endpoint(
        "POST", "/v1/links/{id}/preview", OPERATOR, "What deciding about a link would do", preview_decision, DecisionIn,
        Preview, errors=(404,),
    ),
    Endpoint("POST", "/v1/links/{id}/cut", OPERATOR, "Undo a link", cut, Reason, LinkOut, errors=(404,)),
    Endpoint(
        "POST", "/v1/links/{id}/restore", OPERATOR, "Let a link hold again", restore, Reason, LinkOut, errors=(404,)
    ),
    Endpoint(
        "GET", "/v1/reviews", OPERATOR, "Links that the rules forbid", reviews, result=ReviewPage,
        parameters=parameters(ReviewsAsked), role="editor",
    ),
    Endpoint(
        "POST", "/v1/reviews/{link}", OPERATOR, "Decide about a link that the rules forbid", review, VerdictIn, LinkOut,
        errors=(404,),
    ),
)  # fmt: skip
