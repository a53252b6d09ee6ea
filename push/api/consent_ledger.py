"""What somebody was asked and said, for herself; and how texts of consent are taken, for those who write them."""

from typing import Annotated, Final

import msgspec

from push.api import asking
from push.api.apps import MOST_NAMED, ConsentVersion, shopper_of
from push.api.contract import DEVICE, OPERATOR, Call, Context, Endpoint, own_device
from push.api.own import PROOF, own_person
from push.api.purposes import refuse_unknown
from push.model.people import Locale, Purpose
from push.profiles import asked, ledger, permits
from push.profiles.asked import Asking, Figure
from push.profiles.permits import Use
from push.profiles.purposes.settings import Country


class AskedIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an app shows just now: of each purpose the version of its words, as `GET /v1/app/config` has it."""

    versions: Annotated[dict[Purpose, ConsentVersion], msgspec.Meta(min_length=1, max_length=MOST_NAMED)]
    locale: Locale = "en"
    country: Country | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One word on one purpose: when, through what, under which words. What is `pending` waits for her to confirm it."""

    purpose: Purpose
    granted: bool
    at_ms: int
    source: str
    version: str
    locale: str
    asked_on: str
    claimed: bool
    pending: bool


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What she was asked, when first; and when she answered last, if she did."""

    purpose: Purpose
    version: str
    asked_ms: int
    answered_ms: int | None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """How often on a day it was looked whether something of hers may be used, for what, and what came of that."""

    day_ms: int
    purpose: Purpose
    used_for: Use
    allowed: bool
    times: int


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a person said, on whichever device, the oldest first; what she was asked; what was looked at."""

    said: tuple[Said, ...]
    asked: tuple[Shown, ...]
    checks: tuple[Checked, ...]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How a version of a text was taken by those who were asked first in a week (from its Monday, UTC), in a country.

    `granted` is who ever said yes, of these `withdrawn` who took it back later; `denied` who only said no; `ignored`
    who said nothing. What would tell of fewer than 5 people is a text in place of a number. `title` is empty where
    these words are asked no more, `country` where nobody knows it, or nothing depends on it.
    """

    purpose: Purpose
    version: str
    title: str
    country: str
    week_ms: int
    asked: Figure
    granted: Figure
    denied: Figure
    ignored: Figure
    withdrawn: Figure


async def get_ledger(context: Context, call: Call) -> Ledger:
    """What she said, was asked, and what was made of it."""
    shopper = await own_person(context, call)
    said = await ledger.read(context.db, shopper)
    shown = await context.db.fetch("consent.asked", shopper=shopper)
    checks = await permits.kept(context.db, shopper)
    names = Said.__struct_fields__
    return Ledger(
        said=tuple(msgspec.convert({name: row[name] for name in names}, Said, strict=False) for row in said),
        asked=tuple(Shown(**row) for row in shown),
        checks=tuple(
            Checked(
                day_ms=row["day"] * permits.DAY_MS,
                purpose=row["purpose"],
                used_for=row["used_for"],
                allowed=bool(row["allowed"]),
                times=int(row["times"]),
            )
            for row in checks
        ),
    )


async def post_asked(context: Context, call: Call) -> None:
    """Note what an app shows her just now, so that nobody asks her twice."""
    body: AskedIn = call.body
    refuse_unknown(context, body.versions)
    shopper = await shopper_of(context, own_device(call))
    said = asking.asking_of(context, Asking(body.versions, body.locale, "app"), body.country)
    counted = asking.counted(context, said)
    context.collecting.read_counts["unknown_version"] += len(body.versions) - len(counted.versions)
    async with context.db.transaction() as tx:
        await asked.note(tx, shopper, counted, context.clock.now_ms())
    context.collecting.answers.update(f"{purpose} asked" for purpose in counted.versions)


async def get_acceptance(context: Context, call: Call) -> tuple[Taken, ...]:
    """Of every version of every text, by week and country: how many were asked, and what they said."""
    del call
    shown = context.collecting.desk.purposes.shown
    return tuple(
        Taken(**each._asdict(), title="" if (words := shown(each.purpose, each.version)) is None else words.title)
        for each in await asked.acceptance(context.db, context.clock.now_ms())
    )


_LEDGER: Final = "/v1/devices/{device}/consent/ledger"
_ASKED: Final = "/v1/devices/{device}/consent/asked"

ENDPOINTS: Final = (
    Endpoint(
        "GET", _LEDGER, DEVICE, "What was said and asked", get_ledger, result=Ledger, errors=(404,),
        parameters=(PROOF,),
    ),
    Endpoint("POST", _ASKED, DEVICE, "Note what is asked", post_asked, AskedIn, errors=(404,)),
    Endpoint(
        "GET", "/v1/consent/acceptance", OPERATOR, "How consent texts are taken", get_acceptance,
        result=tuple[Taken, ...],
    ),
)  # fmt: skip
