"""What operators call to have their own systems told of what happens to messages."""

from typing import Annotated, Final

import msgspec

from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.deliver import hooks
from push.deliver.hook_runner import Answered
from push.deliver.hooks import MOST_HOOKS, Asked
from push.model.hooks import HookKind, HookState
from push.model.profiles import KindName

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class HookIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to post, https, and which kinds of events; without any, all but changes of people.

    Of these it is told of whom it knows by an `identifier` of that kind, and of those `segments` and `traits`; without
    any, of all.
    """

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    kinds: Annotated[tuple[HookKind, ...], msgspec.Meta(max_length=32)] = ()
    identifier: KindName = "user_id"
    segments: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()
    traits: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()


class HookSecret(msgspec.Struct, frozen=True):
    """A hook and the secret that signs what it gets (Standard Webhooks); shown this once."""

    id: str
    secret: str


class HookOut(msgspec.Struct, frozen=True, kw_only=True):
    """A hook as it stands. `origin` is where it posts to, without the path; `behind` how many events wait.

    It is `disabled` where its receiver answered 410, or took nothing for days; `reason` says which.
    """

    id: str
    origin: str
    kinds: tuple[HookKind, ...]
    identifier: str
    segments: tuple[str, ...]
    traits: tuple[str, ...]
    state: HookState
    reason: str | None
    failures: int
    failing_since_ms: int | None
    behind: int
    created_ms: int


async def put(context: Context, call: Call) -> HookSecret:
    """Register a hook for what happens from now on."""
    body: HookIn = call.body
    if len(await hooks.listed(context.db)) >= MOST_HOOKS:
        raise ProblemError(409, "Too many", f"There are {MOST_HOOKS} hooks: delete one that nobody needs.")
    if body.identifier not in context.collecting.desk.kinds:
        raise ProblemError(400, "Not a hook", f"`identifier`: there is no kind {body.identifier!r} of identifiers.")
    try:
        name, secret = await context.hooks.register(body.url, _asked(body), call.actor)
    except ValueError as error:
        raise ProblemError(400, "Not a hook", f"`url`: {error}.") from None
    return HookSecret(name, secret)


def _asked(body: HookIn) -> Asked:
    """Each name once, in the order in which it was given."""
    return Asked(
        kinds=tuple(dict.fromkeys(body.kinds)),
        identifier=body.identifier,
        segments=tuple(dict.fromkeys(body.segments)),
        traits=tuple(dict.fromkeys(body.traits)),
    )


async def listed(context: Context, call: Call) -> list[HookOut]:
    """All hooks, the oldest first."""
    del call
    return [
        HookOut(
            id=row.id,
            origin=row.shown,
            kinds=row.asked.kinds,
            identifier=row.asked.identifier,
            segments=row.asked.segments,
            traits=row.asked.traits,
            state=row.state,
            reason=row.reason,
            failures=row.failures,
            failing_since_ms=row.failing_since_ms,
            behind=max(0, row.last_seq + 1 - row.next_seq),
            created_ms=row.created_ms,
        )
        for row in await hooks.listed(context.db)
    ]


async def delete(context: Context, call: Call) -> None:
    """Post to a hook no more."""
    if not await context.hooks.delete(call.path["id"], call.actor):
        raise _unknown()


async def rotate(context: Context, call: Call) -> HookSecret:
    """Another secret; the one before it signs beside it for 24 h."""
    secret = await context.hooks.rotate(call.path["id"], call.actor)
    if secret is None:
        raise _unknown()
    return HookSecret(call.path["id"], secret)


async def test(context: Context, call: Call) -> Answered:
    """Post a test now. A hook that was given up and takes it goes on where it stopped."""
    answered = await context.hooks.test(call.path["id"])
    if answered is None:
        raise _unknown()
    return answered


def _unknown() -> ProblemError:
    return ProblemError(404, "Unknown hook", "GET /v1/hooks lists those that there are.")


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/hooks",
        OPERATOR,
        "Have events posted to a system of yours",
        put,
        HookIn,
        HookSecret,
        201,
        errors=(409,),
        role="admin",
    ),
    Endpoint("GET", "/v1/hooks", OPERATOR, "Hooks, and how they fare", listed, result=list[HookOut], role="editor"),
    Endpoint("DELETE", "/v1/hooks/{id}", OPERATOR, "Delete a hook", delete, errors=(404,), role="admin"),
    Endpoint(
        "POST",
        "/v1/hooks/{id}/rotate",
        OPERATOR,
        "Change a hook's secret",
        rotate,
        result=HookSecret,
        errors=(404,),
        role="admin",
    ),
    Endpoint(
        "POST",
        "/v1/hooks/{id}/test",
        OPERATOR,
        "Post a test to a hook",
        test,
        result=Answered,
        errors=(404,),
        role="admin",
    ),
)
