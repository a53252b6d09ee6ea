"""Why she got a message, in words: what is said of each kind of moment, choice and basis."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec
import pytest

from push.api import why
from push.model.campaigns import Campaign, Template, Trigger
from push.model.decisions import Considered, Verdict
from push.model.presence import MomentKind

BERLIN = ZoneInfo("Europe/Berlin")
AT_MS = 1_767_690_180_000  # 2026-01-06 10:03 in Berlin
DAY_MS = 86_400_000
CAMPAIGN = Campaign(
    id="latte", name="Early birds", trigger=Trigger(kind="store_entered"), template=Template(title="Hello")
)
ROW: dict[str, object] = {
    "id": "dlv_1", "message": "msg_1", "basis": "marketing", "needs": "[]", "source": "decision", "channel": "webpush",
    "decided_ms": AT_MS, "decision": "dec_1",
}  # fmt: skip


def decided(
    kind: MomentKind = "store_entered",
    verdicts: Sequence[Verdict] = ("chosen",),
    *,
    campaign: Campaign | None = CAMPAIGN,
    zone: str | None = None,
    mark_s: int = 0,
) -> why.Decided:
    considered = [Considered(campaign=f"secret-{n}", version=1, verdict=v, why="") for n, v in enumerate(verdicts)]
    return why.Decided(kind, mark_s, AT_MS, why.Place("Hamburg", zone, BERLIN), considered, campaign)


def explained(
    about: why.Decided | None = None,
    history: Sequence[Mapping[str, object]] = (),
    now_ms: int = AT_MS,
    **row: object,
) -> why.Why:
    return why.explain({**ROW, **row}, about, history, why.Limits(1, now_ms))


def said(purpose: str, at_ms: int, *, granted: bool = True) -> dict[str, object]:
    return {"purpose": purpose, "granted": int(granted), "at_ms": at_ms, "source": "test"}


@pytest.mark.parametrize(
    ("kind", "zone", "mark_s", "text"),
    [
        ("store_entered", None, 0, "You came into Hamburg at 10:03."),
        ("zone_entered", "Café", 0, "You came to Café in Hamburg at 10:03."),
        ("dwelled", "Café", 120, "You had been at Café in Hamburg for 2 minutes at 10:03."),
        ("dwelled", None, 3600, "You had been at Hamburg for 1 hour at 10:03."),
        ("dwelled", None, 90, "You had been at Hamburg for 90 seconds at 10:03."),
        ("zone_left", "Café", 0, "You left Café in Hamburg at 10:03."),
        ("left", None, 0, "You left Hamburg at 10:03."),
    ],
)
def test_what_happened_is_said_in_the_stores_time(kind: MomentKind, zone: str | None, mark_s: int, text: str) -> None:
    happened = explained(decided(kind, zone=zone, mark_s=mark_s)).happened
    assert happened is not None
    assert (happened.text, happened.at_ms) == (text, AT_MS)


def test_another_day_is_named() -> None:
    happened = explained(decided(), now_ms=AT_MS + DAY_MS).happened
    assert happened is not None
    assert happened.text == "You came into Hamburg at 10:03 on 6 January 2026."


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (["chosen"], "It was the only one for this moment."),
        (["chosen", "outvalued"], "The store rates it higher than one other that fitted."),
        (["chosen", "not live", "consent"], "No other fitted."),
        (
            ["chosen", "outvalued", "outvalued", "cap"],
            "The store rates it higher than 2 others that fitted. One other did not fit.",
        ),
    ],
)
def test_the_others_are_told_by_number_alone(verdicts: list[Verdict], text: str) -> None:
    told = explained(decided(verdicts=verdicts))
    assert told.choice is not None
    assert told.choice.text == f"It is from “Early birds”. {text}"
    assert told.choice.considered == len(verdicts)
    assert b"secret" not in msgspec.json.encode(told)


def test_a_campaign_that_is_gone_has_no_name() -> None:
    told = explained(decided(campaign=None))
    assert told.choice is not None
    assert told.choice.text.startswith("It is from an offer that has ended since.")


def test_what_she_agreed_to_counts_from_when_she_began_to_and_says_whether_she_still_does() -> None:
    history = [
        said("marketing", 1),
        said("marketing", 2, granted=False),
        said("marketing", AT_MS - 2 * DAY_MS),
        said("marketing", AT_MS - DAY_MS),
        said("location", AT_MS - DAY_MS),
        said("webpush", AT_MS - DAY_MS),
        said("email", AT_MS - DAY_MS),
        said("profiling", AT_MS + 1),
        said("location", AT_MS + 2, granted=False),
    ]
    agreed = {one.purpose: one for one in explained(decided(), history, now_ms=AT_MS + 3).agreed}
    assert agreed.keys() == {"location", "marketing", "webpush"}, "what it rests on, as it was then"
    assert agreed["marketing"].since_ms == AT_MS - 2 * DAY_MS
    assert agreed["marketing"].text == "“Send me offers”, on 4 January 2026"
    assert (agreed["location"].still, agreed["marketing"].still) == (False, True)


def test_what_a_system_sent_names_it_and_no_moment() -> None:
    history = [said("marketing", 0), said("location", 0)]
    told = explained(history=history, source="sender:till", channel=None, decision=None)
    assert (told.happened, told.choice, told.often.pushes_per_visit) == (None, None, None)
    assert told.sender.source == "till"
    assert told.sender.text == "“till” sent it for the store. It is an offer, and comes because you agreed to offers."
    assert [one.purpose for one in told.agreed] == ["marketing"]
    assert {option.do for option in told.options} == {"less", "snooze", "stop"}


def test_a_service_message_rests_on_no_consent_to_offers() -> None:
    told = explained(history=[said("marketing", 0)], source="operator:Ms Muster", basis="service", decision=None)
    assert told.agreed == ()
    assert told.sender.source == "operator", "who works here is told to nobody"
    assert told.sender.text.startswith("The store sent it. ")
    assert "needs no consent to offers" in told.sender.text
    assert {option.do for option in told.options} == {"less", "channel"}
