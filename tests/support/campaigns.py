"""Campaigns and moments for tests."""

from push.campaigns.book import Versioned
from push.model.campaigns import Campaign, Template, Trigger
from push.model.people import Purpose
from push.model.presence import Moment, MomentKind

NOW_MS = 1_700_000_000_000


def campaign(  # noqa: PLR0913 - keywords with defaults, so that a test names what it is about
    name: str,
    *,
    trigger: Trigger | None = None,
    value: float = 1.0,
    live: bool = True,
    title: str = "Hello",
    needs: tuple[Purpose, ...] = (),
) -> Campaign:
    return Campaign(
        id=name,
        name=name,
        trigger=trigger or Trigger(kind="store_entered"),
        template=Template(title=title),
        live=live,
        value=value,
        needs=needs,
    )


def versioned(*campaigns: Campaign) -> list[Versioned]:
    return [Versioned(c, 3 + n) for n, c in enumerate(campaigns)]


def moment(
    kind: MomentKind = "store_entered", store: str = "s1", zone: str | None = None, mark_s: int = 0, name: str = "mom_1"
) -> Moment:
    return Moment(
        id=name,
        kind=kind,
        store=store,
        zone=zone,
        shopper="ann",
        visit="vis_1",
        mark_s=mark_s,
        at_ms=NOW_MS,
        heard_ms=NOW_MS - 100,
        received_ms=NOW_MS - 50,
    )
