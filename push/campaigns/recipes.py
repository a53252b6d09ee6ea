"""Campaigns to start from: what stores say most often, each whole, so that only the words need a look. Pure values."""

from typing import Any, Final, Literal, NamedTuple

from push.model.campaigns import Campaign, Cap, Pick, Template, Trigger
from push.model.people import Purpose

Mood = Literal["hello", "thanks", "basket", "heart", "birthday", "back", "path", "rhythm", "store", "zone"]
_MINUTE_S: Final = 60
_HOUR_S: Final = 60 * _MINUTE_S
_DAY_S: Final = 24 * _HOUR_S
_ELSEWHERE: Final[tuple[Purpose, ...]] = ("marketing",)
"""What answers no moment in a store needs not to know where she is."""
_ONCE: Final = (Cap(of="campaign", most=1, within="ever"),)
_WEEKLY: Final = (Cap(of="campaign", most=1, within="week"),)
_MONTHLY: Final = (Cap(of="campaign", most=1, within="month"),)
_NAMED: Final = "{{ shopper.first_name | default: 'there' }}"


class Recipe(NamedTuple):
    """A campaign to start from: what it does in one sentence, its picture, and what is still to be chosen."""

    id: str
    sentence: str
    mood: Mood
    campaign: Campaign
    still: str = ""


def _known(fact: str) -> dict[str, Any]:
    return {"kind": "all", "of": [{"kind": "fact", "fact": fact, "op": "known"}]}


RECIPES: Final = (
    Recipe(
        "welcome",
        "Says hello within two seconds of signing up, while the app is still in her hand.",
        "hello",
        Campaign(
            id="welcome",
            name="Welcome",
            trigger=Trigger(kind="event", event="Signed Up"),
            template=Template(
                title=f"Hello {_NAMED}, good to have you",
                body="Tell us what you like, and we speak up only when it is worth your while.",
            ),
            caps=_ONCE,
            needs=_ELSEWHERE,
            is_quiet=False,
            value=3,
        ),
    ),
    Recipe(
        "thanks",
        "Thanks her after a purchase, once she is home, and asks how it fits.",
        "thanks",
        Campaign(
            id="thanks",
            name="Thank you",
            trigger=Trigger(kind="purchase", wait_s=2 * _HOUR_S),
            template=Template(
                title="Thank you for coming by",
                body="Something not quite right? Come by, we make it good.",
            ),
            caps=_WEEKLY,
            needs=_ELSEWHERE,
            otherwise="defer",
            lifetime_s=_DAY_S,
        ),
    ),
    Recipe(
        "basket",
        "Reminds her, an hour later, of what lies in her basket; not where she bought it meanwhile.",
        "basket",
        Campaign(
            id="basket",
            name="Basket left behind",
            trigger=Trigger(kind="basket", minutes=60, unless=("Order Completed",)),
            template=Template(
                title="{{ product.name }} is still in your basket",
                body="We kept it for you. It is in stock today.",
                url="{{ product.url }}",
            ),
            pick=Pick(among="basket"),
            caps=_WEEKLY,
            needs=_ELSEWHERE,
            otherwise="defer",
            lifetime_s=_DAY_S,
            value=2,
        ),
    ),
    Recipe(
        "wishes",
        "Tells her, as she comes in, that something on her wish list is on the shelf here.",
        "heart",
        Campaign(
            id="wishes",
            name="Wish list, in stock here",
            trigger=Trigger(kind="store_entered"),
            audience=_known("figures.wishes"),
            template=Template(
                title="{{ product.name }} is here",
                body="From your wish list, in stock at {{ store.name }} right now.",
                url="{{ product.url }}",
            ),
            pick=Pick(among="wishes"),
            caps=_WEEKLY,
            lifetime_s=20 * _MINUTE_S,
            value=4,
        ),
    ),
    Recipe(
        "birthday",
        "Wishes her well on her birthday, at ten in the morning where she is.",
        "birthday",
        Campaign(
            id="birthday",
            name="Birthday",
            trigger=Trigger(kind="birthday", trait="birthday", at="10:00"),
            template=Template(
                title=f"Happy birthday, {_NAMED}",
                body="All of us wish you a lovely day.",
            ),
            caps=(Cap(of="campaign", most=1, within="month"),),
            needs=_ELSEWHERE,
            lifetime_s=7 * _DAY_S,
            value=3,
        ),
    ),
    Recipe(
        "win-back",
        "Writes to her when nothing was heard of her for 60 days, once in a long while.",
        "back",
        Campaign(
            id="win-back",
            name="Win back",
            trigger=Trigger(kind="silent", days=60),
            template=Template(
                title="It has been a while",
                body="Much is new since you were last here. Come and have a look.",
            ),
            caps=(Cap(of="campaign", most=1, hours=90 * 24),),
            needs=_ELSEWHERE,
            lifetime_s=3 * _DAY_S,
            when="evening",
        ),
    ),
    Recipe(
        "looked",
        "Comes back, a day later, to who looked at something and did not buy.",
        "path",
        Campaign(
            id="looked",
            name="Looked, not bought",
            trigger=Trigger(kind="event", event="Product Viewed", wait_s=_DAY_S, unless=("Order Completed",)),
            template=Template(
                title="Still thinking about it?",
                body="Try it on in the store: nothing to order, nothing to send back.",
            ),
            caps=_WEEKLY,
            needs=_ELSEWHERE,
            otherwise="defer",
            lifetime_s=_DAY_S,
        ),
    ),
    Recipe(
        "rhythm",
        "Greets who comes in just when, by her own rhythm, her next purchase is due.",
        "rhythm",
        Campaign(
            id="rhythm",
            name="Due again",
            trigger=Trigger(kind="store_entered"),
            audience={
                "kind": "all",
                "of": [{"kind": "fact", "fact": "figures.due_ms", "op": "ahead_days", "value": 7}],
            },
            template=Template(
                title="About time for a new one?",
                body="{{ product.name }} is in stock at {{ store.name }}.",
                url="{{ product.url }}",
            ),
            pick=Pick(among="likes", not_owned=False),
            caps=_MONTHLY,
            lifetime_s=20 * _MINUTE_S,
            value=2,
        ),
    ),
    Recipe(
        "store",
        "Greets her as she comes into the store, at most once a week.",
        "store",
        Campaign(
            id="store",
            name="Welcome to the store",
            trigger=Trigger(kind="store_entered"),
            template=Template(
                title="Welcome to {{ store.name }}",
                body="Have a look at what is new, right behind the entrance.",
            ),
            caps=_WEEKLY,
            lifetime_s=10 * _MINUTE_S,
        ),
    ),
    Recipe(
        "department",
        "Says something about a department while she stands in it.",
        "zone",
        Campaign(
            id="department",
            name="In this department",
            trigger=Trigger(kind="zone_entered"),
            template=Template(
                title="You are in the right place",
                body="In {{ zone.name }} today: ask for what is not on the shelf yet.",
            ),
            caps=_WEEKLY,
            lifetime_s=5 * _MINUTE_S,
        ),
        still="Choose which department it is about.",
    ),
)


def recipe(name: str) -> Recipe | None:
    """The recipe of this name."""
    return next((each for each in RECIPES if each.id == name), None)
