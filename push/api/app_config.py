"""What an app is told to begin with: its key, what to ask its person in her language, where to wait, where to call."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from push.api.asking import country_of
from push.api.contract import APP, DEVICE, Call, Context, Endpoint, Parameter, ProblemError
from push.api.enrolment import asked_host
from push.model.delivery import DEFAULT_APP
from push.model.people import Device, Purpose
from push.profiles import asked, people
from push.registry.regions import Position, Region, nearest

_OFFERED: Final[frozenset[Purpose]] = frozenset({"location", "marketing", "profiling", "inapp", "webpush"})
"""What every app asks about: the purposes of every shop, and the channels that need no credential of the shop's."""


_COUNTRY: Final = re.compile("[A-Z]{2}")
_LONGEST_LOCALE: Final = 35
"""Characters that every program can be expected to keep (RFC 5646 section 4.4.1)."""


class PurposeOut(msgspec.Struct, frozen=True):
    """A purpose in plain words; `version` names these words, to be sent back with the answer.

    `asked`: the device's person was shown these words before, on whichever device. Ask nobody twice.
    """

    id: str
    title: str
    text: str
    version: str
    asked: bool = False


class StoreOut(msgspec.Struct, frozen=True):
    """A store that regions are of: its name and where it is."""

    id: str
    name: str
    address: str
    latitude: float | None
    longitude: float | None


class Addresses(msgspec.Struct, frozen=True):
    """Where the app calls, and where its web page is."""

    api: str
    app: str


class AppConfig(msgspec.Struct, frozen=True):
    """What an app needs to begin. Without Web Push of its own it has no `application_server_key`.

    `country` is the one whose purposes and words these are, empty where nobody knows it.
    """

    application_server_key: str | None
    country: str
    purposes: tuple[PurposeOut, ...]
    addresses: Addresses
    stores: tuple[StoreOut, ...]
    regions: tuple[Region, ...]


async def config(context: Context, call: Call) -> AppConfig:
    """What an app needs to begin: key, consent texts, and at most 20 regions, those of the nearest stores first."""
    app = call.query.get("app", DEFAULT_APP)
    keys, held = context.application_server_keys(), context.credentials.held
    if app not in keys and all(app != known for _, known in held):
        raise ProblemError(404, "Unknown app", "No channel has a credential for an app of this name.")
    directory = context.presence.directory
    at = _position(call.query)
    regions = nearest(directory.regions, directory.stores, at)
    device = await _device(context, call)
    locale = _locale(call, device)
    near = regions[0].store if at is not None and regions else None
    country = _country(call) or country_of(context, locale, call.query.get("store") or near)
    base = context.site.base(asked_host(call))
    return AppConfig(
        keys.get(app),
        country,
        await _purposes(context, locale, country, device),
        Addresses(f"{base}/v1/", f"{base}/app/"),
        tuple(_store(context, store) for store in dict.fromkeys(region.store for region in regions)),
        regions,
    )


def _store(context: Context, name: str) -> StoreOut:
    store = context.presence.directory.stores[name]
    return StoreOut(store.id, store.name, store.address, store.latitude, store.longitude)


def _position(query: Mapping[str, str]) -> Position | None:
    """Where the app is, if it says so: it is used for this answer alone. Raises `ProblemError` 400."""
    given = {name: query[name] for name in ("lat", "lon") if name in query}
    if not given:
        return None
    try:
        at = Position(float(given["lat"]), float(given["lon"]))
    except (KeyError, ValueError):
        at = Position(float("nan"), float("nan"))
    if abs(at.latitude) <= 90 and abs(at.longitude) <= 180:  # noqa: PLR2004 - the ends of the earth
        return at
    raise ProblemError(400, "Not understood", "`lat` and `lon`: both, in degrees, were expected.")


async def _device(context: Context, call: Call) -> Device | None:
    if call.principal.scope != "device":
        return None
    return await people.device(context.db, call.principal.subject)


def _country(call: Call) -> str:
    """As she says. Raises `ProblemError` 400."""
    said = call.query.get("country", "")
    if said and _COUNTRY.fullmatch(said) is None:
        raise ProblemError(400, "Not understood", "`country`: two capital letters were expected, like AT.")
    return said


def _locale(call: Call, device: Device | None) -> str:
    """As asked; or else the device's own. Raises `ProblemError` 400."""
    asked = call.query.get("locale", "")
    if len(asked) > _LONGEST_LOCALE:
        detail = f"`locale`: at most {_LONGEST_LOCALE} characters were expected."
        raise ProblemError(400, "Not understood", detail)
    return asked or ("" if device is None else device.locale)


async def _purposes(context: Context, locale: str, country: str, device: Device | None) -> tuple[PurposeOut, ...]:
    """What is asked there, in her language; and whether she was asked before."""
    book = context.collecting.desk.purposes
    offered: set[str] = {*_OFFERED, *book.own, *(channel for channel, _ in context.credentials.held)}
    if context.site.minimum_age:
        offered.add("adult")
    if await context.db.fetch_one("screens.any") is not None:
        offered.add("screen")
    before = frozenset() if device is None else await asked.versions(context.db, device.shopper)
    words = {p: book.words(p, locale, country) for p in book.known if p in offered and book.is_asked(p, country)}
    return tuple(
        PurposeOut(p, said.title, said.text, said.version, (p, said.version) in before) for p, said in words.items()
    )


_PARAMETERS: Final = (
    Parameter("app", "query", "Which app, where there are several; without it, `default`."),
    Parameter(
        "lat", "query", "Where the app is, in degrees: its answer begins with the stores nearest to it.",
        {"type": "number", "minimum": -90, "maximum": 90},
    ),
    Parameter("lon", "query", "Where the app is, in degrees.", {"type": "number", "minimum": -180, "maximum": 180}),
    Parameter(
        "store", "query", "The store that it is about: what is asked in its country, and how. Without it, the nearest.",
    ),
    Parameter(
        "country", "query", "Where she says that she is, which comes before all else: two letters (ISO 3166-1).",
        {"type": "string", "pattern": "^[A-Z]{2}$"},
    ),
    Parameter(
        "locale", "query", "The language that she reads, for example `de-AT`; a device token knows its own.",
        {"type": "string", "maxLength": 35},
    ),
)  # fmt: skip
ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/app/config", APP | DEVICE, "What an app needs to begin", config, result=AppConfig,
        parameters=_PARAMETERS, errors=(404,), role="viewer", reach="own",
    ),
)  # fmt: skip
