"""A person's own messages, on both databases: fetched, explained, and for a while not wanted."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from push.api import inbox
from push.api.contract import Call, Context, ProblemError
from push.campaigns import outbox
from push.campaigns.routes import Plan
from push.channels.inapp import EventStreams
from push.model.delivery import Action, Basis, Content, Lane, Message, Route, State
from push.model.ids import derived
from push.model.tokens import Principal
from push.profiles import consent
from tests.support import small_api
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import enqueue, join, state
from tests.support.servers import REGISTRY, Answer, Caller, Phone

ALL = {"location": True, "marketing": True, "inapp": True}
HOUR_MS = 3_600_000
RIVAL = {
    "id": "hush-hush",
    "name": "Secret clearance",
    "value": 0.5,
    "trigger": {"kind": "store_entered"},
    "template": {"title": "Everything must go"},
}


async def welcomed(server: Caller) -> tuple[Phone, dict[str, Any]]:
    """A phone that agreed, came into the store, and got its message in the answer."""
    phone = await server.phone(**ALL)
    [message] = (await server.range(phone)).json["messages"]
    return phone, message


async def asked(server: Caller, phone: Phone, delivery: str, leaf: str = "") -> Answer:
    return await server.call("GET", phone.path(f"messages/{delivery}{leaf}"), phone.token)


# --- over HTTP --------------------------------------------------------------------------------------------------------


async def test_ids_alone_lead_to_the_message_from_any_device_of_hers(any_server: Caller) -> None:
    phone, message = await welcomed(any_server)
    second = await any_server.operate("POST", "/v1/devices", {"platform": "ios", "shopper": phone.shopper})
    for device in (phone, Phone(**second)):
        answer = await asked(any_server, device, message["delivery"])
        assert (answer.status, answer.json) == (200, message)


@pytest.mark.parametrize("leaf", ["", "/why"])
async def test_nobody_else_learns_that_there_is_a_message(any_server: Caller, leaf: str) -> None:
    phone, message = await welcomed(any_server)
    stranger = await any_server.phone(**ALL)
    answer = await asked(any_server, stranger, message["delivery"], leaf)
    unknown = await asked(any_server, stranger, "dlv_unknown", leaf)
    assert (answer.status, unknown.status) == (404, 404)
    assert answer.json == unknown.json
    through_hers = await any_server.call("GET", phone.path(f"messages/{message['delivery']}{leaf}"), stranger.token)
    assert through_hers.status == 403


async def test_why_tells_what_happened_what_she_agreed_to_and_why_this_one_but_not_the_others(
    any_server: Caller,
) -> None:
    campaigns = REGISTRY["campaigns"]
    assert isinstance(campaigns, list)
    await any_server.operate("PUT", "/v1/registry", {"campaigns": [*campaigns, RIVAL]})
    phone, message = await welcomed(any_server)
    answer = await asked(any_server, phone, message["delivery"], "/why")
    told = answer.json
    assert told["happened"]["text"].startswith("You came into Hamburg at ")
    assert [one["purpose"] for one in told["agreed"]] == ["location", "marketing", "inapp"]
    assert all(one["still"] for one in told["agreed"])
    assert told["choice"]["text"].startswith("It is from “Welcome”. The store rates it higher than one other")
    assert (told["choice"]["considered"], told["choice"]["outvalued"]) == (2, 1)
    assert told["sender"]["basis"] == "marketing"
    assert told["often"] == {"text": "At most 1 offer during a visit.", "pushes_per_visit": 1}
    assert b"Secret" not in answer.raw
    assert b"hush" not in answer.raw


async def test_stopping_takes_back_what_came_and_why_still_answers(any_server: Caller) -> None:
    phone, message = await welcomed(any_server)
    await any_server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"marketing": False}})
    assert (await asked(any_server, phone, message["delivery"])).status == 410
    told = (await asked(any_server, phone, message["delivery"], "/why")).json
    assert {one["purpose"]: one["still"] for one in told["agreed"]} == {
        "location": True,
        "marketing": False,
        "inapp": True,
    }


async def test_a_snooze_lasts_until_it_ends_or_is_ended_and_meanwhile_no_offer_comes(any_server: Caller) -> None:
    phone = await any_server.phone(**ALL)
    where = phone.path("snooze")
    assert (await any_server.call("GET", where, phone.token)).json == {"until_ms": None}
    begun = await any_server.call("PUT", where, phone.token, {"for_h": 2})
    assert (await any_server.call("GET", where, phone.token)).json == begun.json
    assert (await any_server.range(phone)).json == {"messages": []}
    [decision] = await any_server.operate("GET", "/v1/decisions")
    assert decision["considered"][0]["verdict"] == "snoozed"
    assert (await any_server.call("DELETE", where, phone.token)).status == 204
    assert (await any_server.call("GET", where, phone.token)).json == {"until_ms": None}


async def test_nobody_snoozes_for_somebody_else(server: Caller) -> None:
    phone, stranger = await server.phone(), await server.phone()
    for method, body in (("GET", None), ("PUT", {"for_h": 1}), ("DELETE", None)):
        assert (await server.call(method, phone.path("snooze"), stranger.token, body)).status == 403


# --- on a clock of its own --------------------------------------------------------------------------------------------


class Box(NamedTuple):
    """One phone's side of the API, and time."""

    context: Context
    clock: SettableClock

    def call(self, delivery: str = "", body: object = None) -> Call:
        return Call(Principal("device", "phone"), {"device": "phone", "delivery": delivery}, {}, body)

    async def send(self, content: Content, basis: Basis = "marketing", source: str = "sender:till") -> str:
        """A message that somebody sent without any moment; its delivery."""
        now_ms = self.clock.now_ms()
        message = Message(
            id=derived("msg", content.title),
            shopper="shp_phone",
            campaign="",
            content=content,
            created_ms=now_ms,
            expires_ms=now_ms + HOUR_MS,
            collapse_key=content.title,
            basis=basis,
        )
        asked = outbox.Send(message=message, plan=Plan((Route("phone", "inapp"),)), lane=Lane.BULK, source=source)
        async with self.context.db.transaction() as tx:
            [delivery] = await outbox.put(tx, KEYRING, [asked])
        return delivery


@pytest.fixture
async def box(any_url: str, tmp_path: Any) -> AsyncIterator[Box]:  # noqa: ANN401 - a path
    clock = SettableClock()
    async with open_database(any_url or f"sqlite://{tmp_path}/push.db", clock) as db:
        await join(db, clock, "phone")
        yield Box(small_api.context(db, clock, EventStreams(), small_api.Nowhere()), clock)


async def test_a_message_comes_with_all_that_it_says(box: Box) -> None:
    content = Content(
        title="Ready",
        body="Your shoes wait for you",
        actions=(Action(title="Show the way", url="/way"),),
        data={"order": "17"},
        locale="en",
    )
    found = await inbox.get_message(box.context, box.call(await box.send(content)))
    assert (found.title, found.actions, found.data, found.locale) == ("Ready", content.actions, {"order": "17"}, "en")


async def test_what_expired_is_gone(box: Box) -> None:
    delivery = await enqueue(box.context.db, box.clock, "phone", lifetime_s=60)
    box.clock.advance(59_999)
    assert (await inbox.get_message(box.context, box.call(delivery))).title == "Hello m1"
    box.clock.advance(1)
    with pytest.raises(ProblemError) as gone:
        await inbox.get_message(box.context, box.call(delivery))
    assert gone.value.status == 410
    assert (await inbox.get_why(box.context, box.call(delivery))).delivery == delivery


async def test_what_was_taken_back_is_gone(box: Box) -> None:
    delivery = await enqueue(box.context.db, box.clock, "phone")
    async with box.context.db.transaction() as tx:
        await outbox.cancel_visit(tx, "v1", box.clock.now_ms())
    with pytest.raises(ProblemError) as gone:
        await inbox.get_message(box.context, box.call(delivery))
    assert gone.value.status == 410


async def test_who_stopped_offers_still_reads_what_is_none(box: Box) -> None:
    delivery = await box.send(Content(title="Ready", body="Your shoes"), basis="service")
    async with box.context.db.transaction() as tx:
        await consent.set_consents(tx, "shp_phone", {"marketing": False}, at_ms=box.clock.now_ms(), source="test")
    assert (await inbox.get_message(box.context, box.call(delivery))).title == "Ready"


@pytest.mark.parametrize(("basis", "agreed"), [("marketing", ["marketing"]), ("service", [])])
async def test_why_names_who_sent_it_and_on_what_basis(box: Box, basis: Basis, agreed: list[str]) -> None:
    delivery = await box.send(Content(title="Hello", body=""), basis=basis, source="sender:loyalty desk")
    told = await inbox.get_why(box.context, box.call(delivery))
    assert told.sender.source == "loyalty desk"
    assert told.sender.text.startswith("“loyalty desk” sent it for the store. ")
    assert (told.sender.basis, [one.purpose for one in told.agreed]) == (basis, agreed)
    assert (told.happened, told.choice) == (None, None)


async def test_why_answers_where_the_record_of_its_moment_is_gone(box: Box) -> None:
    """Moments are kept for a shorter time than messages."""
    delivery = await enqueue(box.context.db, box.clock, "phone")
    told = await inbox.get_why(box.context, box.call(delivery))
    assert (told.happened, told.choice) == (None, None)
    assert "chosen by rules" in told.sender.text


async def test_a_snooze_takes_back_the_offers_that_wait_and_leaves_what_she_is_owed(box: Box) -> None:
    offer = await enqueue(box.context.db, box.clock, "phone")
    owed = await box.send(Content(title="Ready", body=""), basis="service")
    snoozed = await inbox.put_snooze(box.context, box.call(body=inbox.SnoozeIn(for_h=3)))
    assert snoozed == inbox.Snooze(box.clock.now_ms() + 3 * HOUR_MS)
    assert await state(box.context.db, offer) == State.CANCELLED
    assert await state(box.context.db, owed) == State.PENDING
    row = await box.context.db.fetch_one("deliver.trace", id=offer)
    assert row is not None
    assert row["reason"] == "snoozed"


async def test_a_snooze_ends_by_itself(box: Box) -> None:
    until_ms = box.clock.now_ms() + 1000
    await inbox.put_snooze(box.context, box.call(body=inbox.SnoozeIn(until_ms=until_ms)))
    box.clock.advance(999)
    assert await inbox.get_snooze(box.context, box.call()) == inbox.Snooze(until_ms)
    box.clock.advance(1)
    assert await inbox.get_snooze(box.context, box.call()) == inbox.Snooze(None)


@pytest.mark.parametrize(
    "body",
    [
        inbox.SnoozeIn(),
        inbox.SnoozeIn(until_ms=1_700_000_000_000),
        inbox.SnoozeIn(until_ms=1_700_000_000_000 + 721 * HOUR_MS),
        inbox.SnoozeIn(until_ms=1_700_000_001_000, for_h=1),
    ],
    ids=["neither", "past", "too long", "both"],
)
async def test_a_snooze_of_no_length_is_refused_with_what_was_expected(box: Box, body: inbox.SnoozeIn) -> None:
    with pytest.raises(ProblemError, match="Either `for_h`, 1 to 720 hours, or `until_ms`") as refused:
        await inbox.put_snooze(box.context, box.call(body=body))
    assert refused.value.status == 400
