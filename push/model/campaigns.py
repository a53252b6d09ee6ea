"""What to say, to whom, when; and what was decided."""

from typing import Annotated, Literal

import msgspec

from beacons.registry import Name
from beacons.topics import Id
from push.model.delivery import Urgency
from push.model.people import Purpose
from push.model.presence import MomentKind


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The moment that a campaign answers; an empty `stores` or `zones` means any."""

    kind: MomentKind
    stores: tuple[Id, ...] = ()
    zones: tuple[Id, ...] = ()
    mark_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Liquid text. It sees `shopper` (her traits), `store` and `zone` (name), and `moment`."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    body: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    url: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    image: Annotated[str, msgspec.Meta(max_length=2000)] | None = None

    @property
    def speaks_of_her(self) -> bool:
        """Whether it may say anything about the shopper: only then her traits are read at all."""
        return any("shopper" in (text or "") for text in (self.title, self.body, self.url, self.image))


class Campaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to say at a moment; `value` decides between several, the offer makes no sense after `lifetime_s`."""

    id: Id
    name: Name
    trigger: Trigger
    template: Template
    live: bool = True
    lifetime_s: Annotated[int, msgspec.Meta(ge=5, le=86_400 * 7)] = 600
    value: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1.0
    urgency: Urgency = "high"
    needs: tuple[Purpose, ...] = ("location", "marketing")


Verdict = Literal[
    "chosen",
    "outvalued",
    "not live",
    "consent",
    "snoozed",
    "stale",
    "no channel",
    "cap",
    "template",
]


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign at one moment: what became of it, and the fact that settled it."""

    campaign: str
    version: int
    verdict: Verdict
    why: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen at a moment, and for every campaign that was not, why not."""

    id: str
    moment: str
    shopper: str
    store: str
    campaign: str | None
    considered: tuple[Considered, ...]
    decided_ms: int
