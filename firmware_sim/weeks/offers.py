"""What a chain would say in a week: campaigns of every kind, for categories, at doors, shelves, tills and at home."""

from typing import Final

import msgspec

from firmware_sim.weeks.crowd import CATEGORIES, STAY_MS, TILLS
from push.campaigns.settings import CampaignSettings
from push.model.campaigns import About, Budget, Campaign, Cap, Option, Schedule, Slot, Template, Trigger

HOLDOUT: Final = 0.1
PATIENT: Final = CampaignSettings().policy(pushes_per_visit=1)
"""As a server decides where nobody has set anything."""
IMPATIENT: Final = msgspec.structs.replace(PATIENT, pushes_per_visit=1000, caps=(), fatigue=0.0)
"""Without what spares people: no cap, and nothing that a message costs. Quiet hours and consent hold all the same."""
_HOW: Final = Slot(
    name="how", options=(Option(id="plain", text="New"), Option(id="warm", text="For you: new", weight=2))
)


def offers(number: int, *, is_patient: bool) -> list[Campaign]:
    """So many campaigns, by turns of each kind; without patience they have no caps of their own."""
    kinds = (_at_shelf, _at_door, _who_lingers, _after_viewing, _after_buying, _at_tills, _later, _goodbye)
    return [kinds[n % len(kinds)](n, is_patient=is_patient) for n in range(number)]


def _offer(  # noqa: PLR0913 - keywords with defaults
    n: int,
    kind: str,
    trigger: Trigger,
    *,
    value: float,
    is_patient: bool,
    title: str,
    **more: object,
) -> Campaign:
    category = CATEGORIES[n % len(CATEGORIES)]
    caps = (Cap(of="campaign", most=1, within="week"), Cap(of="tag", tag=category.lower(), most=2, within="week"))
    return Campaign(
        id=f"{kind}-{n:02}",
        name=f"{kind.title()} {category} {n}",
        trigger=trigger,
        template=Template(title=title),
        value=value,
        tags=(category.lower(), kind),
        caps=caps if is_patient else (),
        lifetime_s=1800,
        **more,  # type: ignore[arg-type]
    )


def _category(n: int) -> str:
    return CATEGORIES[n % len(CATEGORIES)]


def _at_shelf(n: int, *, is_patient: bool) -> Campaign:
    return _offer(
        n, "shelf", Trigger(kind="zone_entered", zones=(_category(n).lower(),)), value=1.2, is_patient=is_patient,
        title="{{ slots.how }} in {{ zone.name }}", about=About(categories=(_category(n),), bought_days=30),
        slots=(_HOW,), holdout=HOLDOUT,
    )  # fmt: skip


def _at_door(n: int, *, is_patient: bool) -> Campaign:
    bought = {"kind": "did", "event": "Order Completed", "least": 1, "within_days": 30}
    return _offer(
        n, "door", Trigger(kind="store_entered"), value=0.8, is_patient=is_patient,
        title="Welcome back to {{ store.name }}", audience=bought, schedule=Schedule(dayparts=(("10:00", "20:00"),)),
    )  # fmt: skip


def _who_lingers(n: int, *, is_patient: bool) -> Campaign:
    return _offer(
        n, "linger", Trigger(kind="dwelled", zones=(_category(n).lower(),), mark_s=STAY_MS // 1000), value=2.0,
        is_patient=is_patient, title="Ask us about {{ zone.name }}", about=About(categories=(_category(n),)),
        budgets=(Budget(of="store", most=200, within="day"),), holdout=HOLDOUT,
    )  # fmt: skip


def _after_viewing(n: int, *, is_patient: bool) -> Campaign:
    trigger = Trigger(kind="event", event="Product Viewed", wait_s=1800, unless=("Order Completed",))
    return _offer(n, "viewed", trigger, value=1.0, is_patient=is_patient, title="Still thinking about it?")


def _after_buying(n: int, *, is_patient: bool) -> Campaign:
    return _offer(
        n, "bought", Trigger(kind="purchase"), value=0.7, is_patient=is_patient, title="Thank you", when="evening"
    )


def _at_tills(n: int, *, is_patient: bool) -> Campaign:
    return _offer(
        n, "tills", Trigger(kind="zone_entered", zones=(TILLS,)), value=0.6, is_patient=is_patient,
        title="Scan your card", about=About(categories=(_category(n),)),
    )  # fmt: skip


def _later(n: int, *, is_patient: bool) -> Campaign:
    return _offer(
        n, "next", Trigger(kind="zone_left", zones=(_category(n).lower(),)), value=0.9, is_patient=is_patient,
        title="Back in {{ store.name }}", when="next_visit", otherwise="defer",
    )  # fmt: skip


def _goodbye(n: int, *, is_patient: bool) -> Campaign:
    return _offer(
        n, "goodbye", Trigger(kind="left"), value=0.4, is_patient=is_patient, title="See you soon",
        otherwise="defer",
    )  # fmt: skip
