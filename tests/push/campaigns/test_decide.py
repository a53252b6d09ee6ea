"""One occasion, one decision, and a reason for every candidate."""

from itertools import chain, combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.campaigns.book import Versioned
from push.campaigns.decide import decide
from push.campaigns.draws import draw
from push.model.campaigns import About, Cap, Option, Schedule, Slot, Trigger
from push.model.decisions import Bought, Decision, Failed, Later, Occasion, Person, Policy, Surroundings, Touch
from push.model.people import PURPOSES, Purpose
from tests.support.campaigns import NOW_MS, campaign, versioned
from tests.support.deciding import ANN, POLICY, ZONES, asked, decided, entered

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def touched(name: str = "x", ago_ms: int = HOUR_MS, **changes: object) -> Touch:
    touch = Touch(campaign=name, tags=(), channel="inapp", store="s1", is_here=False, at_ms=NOW_MS - ago_ms)
    return msgspec.structs.replace(touch, **changes)


people_drawn = st.builds(
    Person,
    who=st.just("ann"),
    granted=st.frozensets(st.sampled_from(PURPOSES)),
    channels=st.lists(st.sampled_from(["inapp", "webpush"]), unique=True).map(tuple),
    touches=st.lists(st.booleans(), max_size=3).map(
        lambda here: tuple(touched(is_here=each, ago_ms=n * DAY_MS) for n, each in enumerate(here))
    ),
    redeemed=st.sampled_from([(), ("c01",)]),
)
campaigns_drawn = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 1.0, 5.0]),
        st.booleans(),
        st.integers(-1, 1),
        st.lists(st.sampled_from(PURPOSES), max_size=2).map(tuple),
    ),
    max_size=12,
).map(
    lambda parts: versioned(
        *(
            msgspec.structs.replace(campaign(f"c{n:02}", value=value, live=live, needs=needs), priority=priority)
            for n, (value, live, priority, needs) in enumerate(parts)
        )
    )
)


@given(campaigns=campaigns_drawn, person=people_drawn)
def test_every_candidate_is_considered_once_with_its_version_and_a_reason(
    campaigns: list[Versioned], person: Person
) -> None:
    decision = decided(campaigns, person)
    assert sorted((c.campaign, c.version) for c in decision.considered) == [
        (e.campaign.id, e.version) for e in campaigns
    ]
    assert all(c.why for c in decision.considered)
    winners = [c.campaign for c in decision.considered if c.verdict == "chosen"]
    assert winners == ([] if decision.campaign is None else [decision.campaign])


@given(campaigns=campaigns_drawn, person=people_drawn)
def test_what_is_chosen_may_be_said_and_comes_first_of_what_may(campaigns: list[Versioned], person: Person) -> None:
    may = [
        c for c, _ in campaigns
        if c.live
        and {"location", "marketing", *c.needs} <= person.granted
        and person.channels
        and not any(touch.is_here for touch in person.touches)
        and c.id not in person.redeemed
        and c.value > 0
    ]  # fmt: skip
    best = sorted(may, key=lambda c: (-c.priority, -c.value, c.id))
    decision = decided(campaigns, person)
    assert decision.campaign == (best[0].id if best else None)
    verdicts = {c.campaign: c.verdict for c in decision.considered}
    assert {verdicts[c.id] for c in best[1:]} <= {"outvalued"}


@given(campaigns=campaigns_drawn, person=people_drawn)
def test_the_same_inputs_give_the_same_decision_after_they_were_written_down(
    campaigns: list[Versioned], person: Person
) -> None:
    inputs, ready = asked(campaigns, person)
    again = msgspec.json.decode(msgspec.json.encode(inputs), type=type(inputs))
    first, second = (msgspec.json.encode(decide(each, ready, ZONES)) for each in (inputs, again))
    assert first == second


@pytest.mark.parametrize(
    "granted", list(chain.from_iterable(combinations(PURPOSES, n) for n in range(len(PURPOSES) + 1)))[::7]
)
def test_no_offer_at_a_place_without_location_and_marketing_whatever_it_says_it_needs(
    granted: tuple[Purpose, ...],
) -> None:
    person = msgspec.structs.replace(ANN, granted=frozenset(granted))
    decision = decided(versioned(campaign("c", needs=())), person)
    agreed = {"location", "marketing"} <= set(granted)
    assert (decision.campaign == "c") == agreed
    if not agreed:
        assert decision.considered[0].verdict == "consent"


def but(**changes: object) -> Person:
    return msgspec.structs.replace(ANN, **changes)


def offering(**changes: object) -> list[Versioned]:
    return versioned(msgspec.structs.replace(campaign("c"), **changes))


def around(**changes: object) -> dict[str, object]:
    return {"around": msgspec.structs.replace(Surroundings(time_zone="UTC"), **changes)}


BOUGHT = Bought(product="p1", category=("Shoes", "Running"), brand="Acme", at_ms=NOW_MS - 3 * DAY_MS)
AGES = {"kind": "fact", "fact": "traits.age", "op": "at_least", "value": 18}


@pytest.mark.parametrize(
    ("offer", "person", "changes", "verdict", "why"),
    [
        (offering(live=False), ANN, {}, "not live", "not live"),
        (offering(), ANN, around(stopped=frozenset({"store:s1"})), "stopped", "stopped"),
        (offering(), ANN, around(stopped=frozenset({"campaign:c"})), "stopped", "stopped"),
        (offering(needs=("profiling",)), ANN, {}, "consent", "not granted: profiling"),
        (offering(), but(granted=frozenset()), {}, "consent", "location, marketing"),
        (offering(audience=AGES), ANN, {}, "consent", "did not agree to be profiled"),
        (offering(audience=AGES), but(is_known=True, facts={"traits.age": 17}), {}, "audience", "not in its audience"),
        (offering(audience={"kind": "fact"}), ANN, {}, "audience", "cannot be read"),
        (offering(), but(snoozed_until_ms=NOW_MS + 1), {}, "snoozed", "no offers for now"),
        (offering(), ANN, around(is_fresh=False), "stale", "older"),
        (offering(), but(channels=()), {}, "no channel", "no device"),
        (offering(channels=("apns",)), ANN, {}, "no channel", "no device"),
        (offering(schedule=Schedule(until_ms=NOW_MS)), ANN, {}, "schedule", ""),
        (offering(about=About(products=("p1",))), but(bought=(BOUGHT,)), {}, "owned", "p1"),
        (offering(about=About(products=("p2",))), but(bought=(BOUGHT,)), {}, "chosen", "worth"),
        (offering(audience=AGES), but(is_known=True, facts={}), {"inside": ("c",)}, "chosen", "worth"),
        (offering(audience={"kind": "fact", "fact": "feed.rain", "op": "is", "value": True}), ANN, {}, "audience", ""),
        (offering(when="checkout"), ANN, around(is_checkout=True), "chosen", "worth"),
        (offering(about=About(categories=("Shoes",))), but(bought=(BOUGHT,)), {}, "bought", "within 30 days"),
        (offering(about=About(brands=("acme",), bought_days=2)), but(bought=(BOUGHT,)), {}, "chosen", "worth"),
        (offering(), but(redeemed=("c",)), {}, "redeemed", "used"),
        (offering(), but(disliked=("c",)), {}, "disliked", "less"),
        (offering(), but(touches=(touched(is_here=True),)), {}, "cap", "1 message during this visit, and 1 may be"),
        (offering(caps=(Cap(of="campaign", most=0),)), ANN, {}, "cap", "no message"),
        (offering(holdout=0.9), ANN, {}, "holdout" if draw("holdout", "c", "ann") < 0.9 else "chosen", ""),
        (offering(), ANN, {"failed": (Failed(campaign="c", verdict="stock", why="sold out"),)}, "stock", "sold out"),
        (offering(value=0), ANN, {}, "worthless", "worth 0"),
        (offering(value=2), ANN, {}, "chosen", "worth 2"),
    ],
)
def test_the_reason_says_what_settled_it(
    offer: list[Versioned], person: Person, changes: dict[str, object], verdict: str, why: str
) -> None:
    (considered,) = decided(offer, person, **changes).considered
    assert considered.verdict == verdict
    assert why in considered.why


def test_every_message_makes_the_next_one_dearer_until_nothing_is_said() -> None:
    policy = msgspec.structs.replace(POLICY, fatigue=0.05, pushes_per_visit=9)

    def net(touches: tuple[Touch, ...]) -> float:
        (considered,) = decided(offering(), but(touches=touches), policy=policy).considered
        assert considered.net is not None
        return considered.net

    ignored = [net((touched(ago_ms=0),) * n) for n in range(7)]
    assert ignored == sorted(ignored, reverse=True)
    assert ignored[0] == 0.25
    assert ignored[5] <= 0 < ignored[4]
    assert net((touched(ago_ms=0, outcome="opened"),)) > net((touched(ago_ms=0),)) > net((touched(outcome="less"),))
    assert net((touched(ago_ms=7 * DAY_MS),)) == pytest.approx(0.25 - 0.025)


def test_what_she_is_owed_neither_tires_her_nor_needs_marketing() -> None:
    policy = msgspec.structs.replace(POLICY, fatigue=1.0)
    owed = offering(basis="service", trigger=Trigger(kind="event", event="Order Ready"))
    person = but(granted=frozenset({"inapp"}), touches=(touched(is_here=True),))
    assert decided(owed, person, policy=policy).campaign == "c"


QUIET = Policy(quiet=("21:00", "08:00"), fatigue=0.0)
"""`NOW_MS` is 22:13 UTC."""


@pytest.mark.parametrize(
    ("offer", "happened", "later"),
    [
        (offering(), entered(), ()),
        (offering(otherwise="defer"), entered(), (Later(campaign="c", due_ms=NOW_MS + 35_200_000),)),
        (offering(is_quiet=False, when="checkout"), entered(), (Later(campaign="c", due_ms=None, on="checkout"),)),
        (offering(is_quiet=False, when="next_visit"), entered(), (Later(campaign="c", due_ms=None, on="next_visit"),)),
        (offering(is_quiet=False, when="evening"), entered(), (Later(campaign="c", due_ms=NOW_MS + 71_200_000),)),
        (
            offering(is_quiet=False, trigger=Trigger(kind="store_entered", wait_s=600)),
            entered(),
            (Later(campaign="c", due_ms=NOW_MS + 600_000),),
        ),
    ],
)
def test_what_has_a_better_time_is_asked_again_then(
    offer: list[Versioned], happened: Occasion, later: tuple[Later, ...]
) -> None:
    decision = decided(offer, occasion=happened, policy=QUIET)
    assert (decision.campaign, decision.later) == (None, later)
    if offer[0].campaign.is_quiet:
        return
    waited = msgspec.structs.replace(happened, waited=True)
    assert decided(offer, occasion=waited, policy=QUIET).campaign == "c"


def test_who_is_held_out_is_so_for_good_and_is_counted_as_eligible() -> None:
    offers = offering(holdout=0.3)
    held = 0
    for n in range(1000):
        first, again = (decided(offers, but(who=f"p{n}")) for _ in range(2))
        assert first == again
        assert first.eligible == ("c",)
        assert (first.held_out == ("c",)) == (first.campaign is None)
        held += first.campaign is None
    assert 240 < held < 360


def test_slots_vary_evenly_independently_and_with_their_propensity() -> None:
    slots = tuple(
        Slot(
            name=name, options=tuple(Option(id=f"{name}{n}", text="x", weight=weight) for n, weight in enumerate(each))
        )
        for name, each in {"headline": (1, 3), "reward": (1, 1)}.items()
    )
    drawn: dict[tuple[str, ...], int] = {}
    seen: list[Decision] = [decided(offering(slots=slots), but(who=f"p{n}")) for n in range(2000)]
    for decision in seen:
        variant = tuple(sorted(decision.variant.values()))
        drawn[variant] = drawn.get(variant, 0) + 1
        assert decision.propensity == (0.125 if "headline0" in variant else 0.375)
    assert len(drawn) == 4
    assert all(abs(count - 2000 * (0.125 if "headline0" in key else 0.375)) < 110 for key, count in drawn.items())


def test_an_occasion_is_decided_under_one_id() -> None:
    first = decided([])
    other = decided([], occasion=entered(id="mom_2"))
    assert first.id != other.id
    assert (first.moment, first.shopper, first.store, first.decided_ms) == ("mom_1", "ann", "s1", NOW_MS)
