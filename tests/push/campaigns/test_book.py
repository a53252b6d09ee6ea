"""The index finds what a scan of all campaigns would."""

from hypothesis import given
from hypothesis import strategies as st

from push.campaigns.answering import occasion_of
from push.campaigns.book import Book
from push.model.campaigns import Campaign, Trigger
from push.model.presence import Moment
from tests.support.campaigns import campaign, moment, versioned

kinds = st.sampled_from(["store_entered", "zone_entered", "dwelled", "left"])
stores = st.sampled_from(["s1", "s2", "s3"])
zones = st.sampled_from(["a", "b"])
marks = st.sampled_from([0, 30, 120])
triggers = st.builds(
    Trigger,
    kind=kinds,
    stores=st.lists(stores, max_size=3).map(tuple),
    zones=st.lists(zones, max_size=3).map(tuple),
    mark_s=marks,
)
moments = st.builds(moment, kind=kinds, store=stores, zone=st.none() | zones, mark_s=marks)


def answers(offer: Campaign, happened: Moment) -> bool:
    trigger = offer.trigger
    return (
        trigger.kind == happened.kind
        and (trigger.kind != "dwelled" or trigger.mark_s == happened.mark_s)
        and (not trigger.stores or happened.store in trigger.stores)
        and (not trigger.zones or happened.zone in trigger.zones)
    )


@given(triggers=st.lists(triggers, max_size=30), happened=moments)
def test_the_index_finds_exactly_what_a_scan_would(triggers: list[Trigger], happened: Moment) -> None:
    campaigns = versioned(*(campaign(f"c{n:02}", trigger=trigger) for n, trigger in enumerate(triggers)))
    wanted = [entry for entry in campaigns if answers(entry.campaign, happened)]
    found = Book(campaigns).candidates(occasion_of(happened))
    assert [(each.campaign, each.version) for each in found] == wanted


def test_a_store_named_twice_makes_one_candidate() -> None:
    offer = campaign("c", trigger=Trigger(kind="zone_entered", stores=("s1", "s1"), zones=("a", "a")))
    assert len(Book(versioned(offer)).candidates(occasion_of(moment("zone_entered", "s1", "a")))) == 1
