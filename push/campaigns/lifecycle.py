"""A campaign's life: written as a draft, reviewed by a second person, launched, paused, ended; each text is a version.

    draft ─ask▶ review ─approve▶ reviewed ─launch▶ live ⇄ paused ─▶ ended
      ▲───────────return─────────'                 └ the launched version speaks while a newer draft is written

A version is never changed, so that a receipt points at exactly what ran. `revision` grows with every change, and nobody
writes over what she has not seen: as `push.registry.editing` has it, `expect` is None for any, 0 for one that must not
be there yet, `EXISTING` for one that must.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from push.access import operators
from push.campaigns import records
from push.campaigns.known import named_segments
from push.campaigns.records import Version
from push.model.campaigns import Campaign, CampaignState
from push.model.errors import AbsentError, Fault, MisfitError, StaleError, TakenError
from push.model.ports import Transaction
from push.registry.audit import audit
from push.registry.editing import EXISTING

MOST_BYTES: Final = 256 * 1024
"""Of a campaign with all its wordings, as JSON."""
DRAFTS_KEPT: Final = 50
"""Drafts that never were in force, before the newest version."""
_PERSON: Final = "operator:"
_TOKEN: Final = "operator:token/"  # noqa: S105 - how the actor of a token begins


class By(NamedTuple):
    """Who changes a campaign, when, and which revision she saw."""

    actor: str
    at_ms: int
    expect: int | None = None


class _Held(NamedTuple):
    """A campaign that nobody else changes until the transaction ends."""

    id: str
    state: CampaignState
    version: int
    live_version: int | None
    definition: str
    revision: int


# --- write -------------------------------------------------------------------------------------------------------


async def save_draft(tx: Transaction, campaign: Campaign, by: By) -> bool:
    """Keep a draft as a new version; what was launched speaks on. Whether anything changed.

    Raises `MisfitError`, `StaleError`.
    """
    before = await _hold(tx, campaign.id, by)
    definition = _definition(campaign)
    if before is not None and before.definition == definition:
        return False
    state: CampaignState = "draft" if before is None or before.live_version is None else before.state
    await _write(tx, before, by, campaign, state, speaks=False)
    await _told(tx, by, "draft campaign", campaign, before, after={"changed": _changed(before, definition)})
    return True


async def put_live(tx: Transaction, campaign: Campaign, by: By) -> bool:
    """Put a campaign into force at once, reviewed by nobody (its `live` False: paused). Whether anything changed.

    Raises `MisfitError`, `StaleError`.
    """
    before = await _hold(tx, campaign.id, by)
    definition, state = _definition(campaign), _wanted(campaign)
    if before is not None and (before.version, before.definition) == (before.live_version, definition):
        if before.state != state:
            await _turn(tx, before, by, state)
        return before.state != state
    number = await _write(tx, before, by, campaign, state, speaks=True)
    await tx.execute("campaigns.lived", campaign=campaign.id, version=number, live_ms=by.at_ms)
    await _told(tx, by, "put campaign", campaign, before, after={"changed": _changed(before, definition)})
    return True


def _wanted(campaign: Campaign) -> CampaignState:
    return "live" if campaign.live else "paused"


def _definition(campaign: Campaign) -> str:
    """A campaign as it is kept: whether it is live is its state's to say. Raises `MisfitError`."""
    kept = msgspec.json.encode(msgspec.structs.replace(campaign, live=True))
    if len(kept) > MOST_BYTES:
        text = f"campaign: at most {MOST_BYTES} bytes were expected, all wordings together"
        raise MisfitError(f"campaign {campaign.id}", (Fault("campaign", text),))
    return kept.decode()


async def _write(  # noqa: PLR0913 - what stood, who writes, and what stands then
    tx: Transaction, before: _Held | None, by: By, campaign: Campaign, state: CampaignState, *, speaks: bool
) -> int:
    """Write a new version, which `speaks` at once or is a draft; its number."""
    name, definition = campaign.id, _definition(campaign)
    number = 1 if before is None else before.version + 1
    live_version = number if speaks else None if before is None else before.live_version
    values = {"version": number, "definition": definition, "state": state, "live_version": live_version}
    await _put(tx, name, 0 if before is None else before.revision, by, values)
    made = {"campaign": name, "version": number, "made_by": by.actor, "made_ms": by.at_ms}
    await tx.execute("campaigns.put_version", definition=definition, **made)
    await tx.execute("campaigns.drop_drafts", campaign=name, upto=number - DRAFTS_KEPT)
    return number


async def _put(tx: Transaction, name: str, revision: int, by: By, values: dict[str, object]) -> None:
    written = {"id": name, "revision": revision, "changed_by": by.actor, "updated_ms": by.at_ms}
    if await tx.execute("campaigns.write", **written, **values) != 1:  # made just now, by somebody else
        raise StaleError(f"campaign {name}", "", by.at_ms, 1, None)


# --- what becomes of it -----------------------------------------------------------------------------------------------


async def ask_review(tx: Transaction, name: str, by: By) -> None:
    """Ask for the newest draft's review.

    Raises `AbsentError`, `StaleError`, `TakenError`: nothing is to be reviewed.
    """
    held = await _there(tx, name, by)
    _refuse(held, held.version == held.live_version, "it has no draft that could be reviewed")
    await tx.execute("campaigns.ask", campaign=name, version=held.version, asked_by=by.actor, asked_ms=by.at_ms)
    await _turn(tx, held, by, "review" if held.live_version is None else held.state, "ask for review")


async def approve(tx: Transaction, name: str, by: By) -> None:
    """Find the newest draft good.

    Raises `AbsentError`, `StaleError`, `TakenError`: it is not to be reviewed, or not by whoever wrote it.
    """
    held = await _there(tx, name, by)
    newest = await _newest(tx, held)
    _refuse(held, newest.stage != "review", "nobody has asked for its review")
    alone = await _alone(tx, held, newest)
    is_other = by.actor != newest.made_by and by.actor.startswith(_PERSON) and not by.actor.startswith(_TOKEN)
    _refuse(held, not (alone or is_other), "a second person has to review it: not a token, and not who wrote it")
    row = {"reviewed_by": by.actor, "reviewed_ms": by.at_ms}
    await tx.execute("campaigns.review", campaign=name, version=held.version, **row)
    await _turn(tx, held, by, held.state, "approve", said={"there_was_nobody_else": alone})


async def send_back(tx: Transaction, name: str, by: By, why: str) -> None:
    """Say that the newest draft is not good yet. Raises `AbsentError`, `StaleError`, `TakenError`."""
    held = await _there(tx, name, by)
    newest = await _newest(tx, held)
    _refuse(held, newest.stage not in {"review", "reviewed"}, "nobody has asked for its review")
    await tx.execute("campaigns.ask", campaign=name, version=held.version, asked_by=None, asked_ms=None)
    await tx.execute("campaigns.review", campaign=name, version=held.version, reviewed_by=None, reviewed_ms=None)
    await _turn(tx, held, by, "draft" if held.live_version is None else held.state, "send back", said={"why": why})


async def launch(tx: Transaction, name: str, by: By) -> None:
    """Let the newest version speak, which was reviewed.

    Raises `AbsentError`, `StaleError`, `TakenError`: it was not reviewed, or speaks already.
    """
    held = await _there(tx, name, by)
    speaks = held.version == held.live_version
    _refuse(held, speaks and held.state in {"live", "paused"}, "its newest version is launched already")
    newest = await _newest(tx, held)
    _refuse(held, newest.stage not in {"reviewed", "launched"}, "its newest version was not reviewed yet")
    await tx.execute("campaigns.lived", campaign=name, version=held.version, live_ms=by.at_ms)
    await _turn(tx, held._replace(live_version=held.version), by, "live", "launch")


async def pause(tx: Transaction, name: str, by: By) -> None:
    """Let it say nothing for now. Raises `AbsentError`, `StaleError`, `TakenError`: it does not speak."""
    held = await _there(tx, name, by)
    _refuse(held, held.state != "live", f"it is no live campaign, but {held.state}")
    await _turn(tx, held, by, "paused", "pause")


async def resume(tx: Transaction, name: str, by: By) -> None:
    """Let it speak again.

    Raises `AbsentError`, `StaleError`, `TakenError`: it is not paused, or it asks for a segment that is gone.
    """
    held = await _there(tx, name, by)
    _refuse(held, held.state != "paused", f"it is not paused, but {held.state}")
    speaks = await records.version(tx, name, held.live_version or held.version)
    known = {row["id"] for row in await tx.fetch("segments.rules")}
    gone = [] if speaks is None else sorted(named_segments(speaks).keys() - known)
    _refuse(held, bool(gone), f"there is no segment {', '.join(gone)} any more: change the campaign, and launch that")
    await _turn(tx, held, by, "live", "resume")


async def end(tx: Transaction, name: str, by: By) -> None:
    """Let it say nothing any more. Raises `AbsentError`, `StaleError`, `TakenError`: it has ended already."""
    held = await _there(tx, name, by)
    _refuse(held, held.state == "ended", "it has ended already")
    await _turn(tx, held, by, "ended", "end")


async def _turn(  # noqa: PLR0913 - which, by whom, into what, and what is said of it
    tx: Transaction,
    held: _Held,
    by: By,
    state: CampaignState,
    action: str = "put",
    *,
    said: dict[str, object] | None = None,
) -> None:
    values = {"version": held.version, "definition": held.definition, "state": state, "live_version": held.live_version}
    await _put(tx, held.id, held.revision, by, dict(values))
    campaign = msgspec.json.decode(held.definition, type=Campaign)
    await _told(tx, by, f"{action} campaign", campaign, held, after={"state": state, **(said or {})})


async def _newest(tx: Transaction, held: _Held) -> Version:
    [newest] = await records.versions(tx, held.id, held.version + 1, 1)
    return newest


async def _alone(tx: Transaction, held: _Held, newest: Version) -> bool:
    """Whether there is nobody but who wrote it: then, and only then, she reviews it herself."""
    stores = msgspec.json.decode(held.definition, type=Campaign).trigger.stores
    return not any(
        f"{_PERSON}{one.login}" != newest.made_by
        for one in await operators.listed(tx)
        if not one.disabled and one.principal.may("editor") and may_write(one.stores, stores)
    )


def may_write(kept_to: Sequence[str] | frozenset[str] | None, stores: Sequence[str]) -> bool:
    """Whether somebody kept to some stores (None: every one) may write a campaign of these: she may, of hers alone."""
    return kept_to is None or (bool(stores) and set(stores) <= set(kept_to))


async def _hold(tx: Transaction, name: str, by: By) -> _Held | None:
    """A campaign as the caller saw it. Raises `StaleError`."""
    row = await tx.fetch_one("campaigns.held", id=name)
    if row is None:
        if by.expect not in {None, 0}:
            raise StaleError(f"campaign {name}", "", 0, 0, None)
        return None
    if by.expect not in {None, EXISTING, row["revision"]}:
        now = await records.get(tx, name)
        raise StaleError(f"campaign {name}", row["changed_by"], row["updated_ms"], row["revision"], now)
    return _Held(name, row["state"], row["version"], row["live_version"], row["definition"], row["revision"])


async def _there(tx: Transaction, name: str, by: By) -> _Held:
    held = await _hold(tx, name, by)
    if held is None:
        raise AbsentError(f"campaign {name}")
    return held


def _refuse(held: _Held, refused: bool, why: str) -> None:  # noqa: FBT001 - what is refused, and why
    if refused:
        raise TakenError(f"campaign {held.id}", why, ())


def _changed(before: _Held | None, definition: str) -> list[str]:
    """The fields that are others now; not their values: what rules compare with may be somebody's mailbox."""
    was = {} if before is None else msgspec.json.decode(before.definition, type=dict[str, object])
    now = msgspec.json.decode(definition, type=dict[str, object])
    return [name for name in now if was.get(name) != now[name]]


async def _told(  # noqa: PLR0913 - an entry has so many sides
    tx: Transaction, by: By, action: str, campaign: Campaign, before: _Held | None, *, after: dict[str, object]
) -> None:
    stores = campaign.trigger.stores
    version = 1 if before is None else before.version + ("changed" in after)
    told = None if before is None else {"version": before.version, "state": before.state}
    await audit(
        tx,
        by.actor,
        action,
        f"campaign {campaign.id}",
        by.at_ms,
        before=told,
        after={"version": version, **after},
        store=stores[0] if len(stores) == 1 else None,
    )
