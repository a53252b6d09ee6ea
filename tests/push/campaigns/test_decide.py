"""One moment, one decision, and a reason for every candidate."""

from itertools import chain, combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.campaigns.decide import Facts, decide
from push.campaigns.render import TemplateError
from push.model.campaigns import Campaign
from push.model.delivery import Content
from push.model.people import PURPOSES, Purpose
from tests.support.campaigns import NOW_MS, campaign, moment, versioned

GRANTED: frozenset[Purpose] = frozenset({"location", "marketing", "inapp"})
READY = Facts(granted=GRANTED, channels=("inapp",), pushes_this_visit=0)


def render(offer: Campaign) -> Content:
    if offer.template.title == "broken":
        raise TemplateError("title", "no such filter")
    return Content(title=offer.template.title, body="")


facts_drawn = st.builds(
    Facts,
    granted=st.frozensets(st.sampled_from(PURPOSES)),
    channels=st.lists(st.sampled_from(["inapp", "webpush"]), unique=True).map(tuple),
    pushes_this_visit=st.integers(0, 3),
    max_pushes_per_visit=st.integers(0, 3),
    is_fresh=st.booleans(),
)
campaigns_drawn = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 1.0, 5.0]),
        st.booleans(),
        st.sampled_from(["good", "broken"]),
        st.lists(st.sampled_from(PURPOSES), max_size=3).map(tuple),
    ),
    max_size=12,
).map(
    lambda parts: [
        campaign(f"c{n:02}", value=value, live=live, title=title, needs=needs)
        for n, (value, live, title, needs) in enumerate(parts)
    ]
)


@given(campaigns=campaigns_drawn, facts=facts_drawn)
def test_every_candidate_is_considered_once_with_its_version_and_a_reason(
    campaigns: list[Campaign], facts: Facts
) -> None:
    candidates = versioned(*campaigns)
    decision, chosen = decide(moment(), candidates, facts, render, NOW_MS)
    assert sorted((c.campaign, c.version) for c in decision.considered) == [
        (e.campaign.id, e.version) for e in candidates
    ]
    assert all(c.why for c in decision.considered)
    winners = [c.campaign for c in decision.considered if c.verdict == "chosen"]
    assert winners == ([] if chosen is None else [chosen.campaign.id])
    assert decision.campaign == (winners[0] if winners else None)


@given(campaigns=campaigns_drawn, facts=facts_drawn)
def test_what_is_chosen_may_be_said_and_is_worth_most_of_what_may(campaigns: list[Campaign], facts: Facts) -> None:
    decision, chosen = decide(moment(), versioned(*campaigns), facts, render, NOW_MS)
    may = [
        c for c in campaigns
        if c.live
        and {"location", "marketing", *c.needs} <= facts.granted
        and facts.is_fresh
        and facts.channels
        and facts.pushes_this_visit < facts.max_pushes_per_visit
        and c.template.title == "good"
    ]  # fmt: skip
    best = sorted(may, key=lambda c: (-c.value, c.id))
    assert (None if chosen is None else chosen.campaign) == (best[0] if best else None)
    verdicts = {c.campaign: c.verdict for c in decision.considered}
    assert {verdicts[c.id] for c in best[1:]} <= {"outvalued"}


@pytest.mark.parametrize(
    "granted", list(chain.from_iterable(combinations(PURPOSES, n) for n in range(len(PURPOSES) + 1)))
)
def test_no_campaign_speaks_without_location_and_marketing_whatever_it_says_it_needs(
    granted: tuple[Purpose, ...],
) -> None:
    facts = Facts(granted=frozenset(granted), channels=("inapp",), pushes_this_visit=0)
    decision, chosen = decide(moment(), versioned(campaign("c", needs=())), facts, render, NOW_MS)
    agreed = {"location", "marketing"} <= set(granted)
    assert (chosen is not None) == agreed
    if not agreed:
        assert decision.considered[0].verdict == "consent"


def ready(**changes: object) -> Facts:
    return msgspec.structs.replace(READY, **changes)


@pytest.mark.parametrize(
    ("offer", "facts", "verdict", "why"),
    [
        (campaign("c", live=False), READY, "not live", "not live"),
        (campaign("c", needs=("profiling",)), READY, "consent", "not granted: profiling"),
        (campaign("c"), ready(granted=frozenset()), "consent", "location, marketing"),
        (campaign("c"), ready(is_fresh=False), "stale", "older"),
        (campaign("c"), ready(pushes_this_visit=1), "cap", "1 of 1 pushes"),
        (campaign("c"), ready(channels=()), "no channel", "no device"),
        (campaign("c", title="broken"), READY, "template", "title: no such filter"),
        (campaign("c", value=2), READY, "chosen", "worth 2"),
    ],
)
def test_the_reason_says_what_settled_it(offer: Campaign, facts: Facts, verdict: str, why: str) -> None:
    decision, _ = decide(moment(), versioned(offer), facts, render, NOW_MS)
    (considered,) = decision.considered
    assert considered.verdict == verdict
    assert why in considered.why


def test_a_broken_template_leaves_the_moment_to_the_next_best() -> None:
    offers = versioned(campaign("dear", value=9, title="broken"), campaign("good", value=2), campaign("poor", value=1))
    decision, chosen = decide(moment(), offers, READY, render, NOW_MS)
    assert chosen is not None
    assert chosen.campaign.id == "good"
    assert {c.campaign: (c.verdict, c.version) for c in decision.considered} == {
        "dear": ("template", 3),
        "good": ("chosen", 4),
        "poor": ("outvalued", 5),
    }


def test_a_moment_is_decided_under_one_id() -> None:
    first, _ = decide(moment(), [], READY, render, NOW_MS)
    again, _ = decide(moment(), [], READY, render, NOW_MS + 1)
    other, _ = decide(moment(name="mom_2"), [], READY, render, NOW_MS)
    assert first.id == again.id != other.id
    assert (first.moment, first.shopper, first.store, first.decided_ms) == ("mom_1", "ann", "s1", NOW_MS)
