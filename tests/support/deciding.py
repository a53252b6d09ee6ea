"""What decisions are made with in tests: nobody is disturbed by the hour, and one push a visit is the only cap."""

from collections.abc import Iterable, Sequence

import msgspec

from push.campaigns import content
from push.campaigns.book import Book, Ready, Versioned
from push.campaigns.decide import decide
from push.campaigns.means import InForce, Means
from push.campaigns.settings import CampaignSettings
from push.model.campaigns import Campaign
from push.model.decisions import Decision, Inputs, Occasion, Person, Policy, Receipt, Surroundings
from push.model.people import Purpose
from push.profiles import guarded
from push.profiles.derived.reading import NoGoods
from push.profiles.derived.sketches import NOBODY, Population
from push.profiles.keys import Keyring
from push.profiles.settings import ProfileSettings
from push.profiles.view import Sight
from push.registry.clocks import Zones
from tests.support.campaigns import NOW_MS
from tests.support.keyrings import KEYRING

AT_ANY_HOUR = CampaignSettings(quiet=(), caps=(), fatigue=0.0)
"""Tests run at night as well, and one person comes many times."""
POLICY = Policy(quiet=None, fatigue=0.0)
GRANTED: frozenset[Purpose] = frozenset({"location", "marketing", "inapp"})
ANN = Person(who="ann", granted=GRANTED, channels=("inapp",))
ZONES = Zones()


async def _population() -> Population:
    return NOBODY


def means(campaigns: Iterable[Versioned] = (), policy: Policy = POLICY, keyring: Keyring = KEYRING) -> Means:
    """What is in force: these campaigns, and nothing else."""
    in_force = InForce(policy, frozenset({"tills"}))
    in_force.book = Book(campaigns)
    sight = Sight(keyring, ProfileSettings(), NoGoods(), _population)
    return Means(in_force, keyring, sight, guarded.reader(keyring, {}), content.Means())


def asked(
    campaigns: Sequence[Versioned],
    person: Person = ANN,
    occasion: Occasion | None = None,
    policy: Policy = POLICY,
    **changes: object,
) -> tuple[Inputs, list[Ready]]:
    """Inputs of a decision about Ann who came into s1, and its candidates."""
    happened = occasion or entered()
    inputs = Inputs(
        occasion=happened,
        person=person,
        around=Surroundings(time_zone="UTC"),
        policy=policy,
        candidates=tuple((each.campaign.id, each.version) for each in campaigns),
        now_ms=happened.at_ms,
    )
    return msgspec.structs.replace(inputs, **changes), [Ready(each) for each in campaigns]


def decided(campaigns: Sequence[Versioned], person: Person = ANN, **changes: object) -> Decision:
    """What is decided about Ann."""
    inputs, ready = asked(campaigns, person, **changes)  # type: ignore[arg-type]
    return decide(inputs, ready, ZONES)


def entered(kind: str = "store_entered", **changes: object) -> Occasion:
    """Ann came into s1."""
    occasion = Occasion(
        id="mom_1",
        kind="store_entered",
        shopper="ann",
        store="s1",
        visit="vis_1",
        at_ms=NOW_MS,
        heard_ms=NOW_MS - 100,
        received_ms=NOW_MS - 50,
    )
    return msgspec.structs.replace(occasion, kind=kind, **changes)


def told(decision: Decision) -> Receipt:
    """A receipt of a decision whose inputs are not kept."""
    return Receipt(decision=decision, inputs=None)


def saying(campaign: Campaign, version: int = 1) -> Versioned:
    """A campaign as it stands."""
    return Versioned(campaign, version)
