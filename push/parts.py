"""The server's parts: opened, wired to each other, and as endpoints see them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

import structlog

from push import collecting, confirming, entrance, showing, telling, watching, ways
from push.access.desk import Desk
from push.api import confirm, unsubscribe
from push.api.contract import Context, Reachable
from push.broker.client import BrokerClient
from push.broker.endpoint import Endpoint
from push.campaigning import open_approaches, open_campaigner, open_ear
from push.campaigns import means as campaigns
from push.campaigns.asker import Asker
from push.campaigns.means import InForce
from push.campaigns.runner import Runner as Campaigner
from push.campaigns.stops import Stops
from push.channels.inapp import EventStreams
from push.channels.services import service_of
from push.credentials import CredentialBook, Trade
from push.database.open import open_database
from push.deciding import Profiles, open_deciding
from push.deliver.attempts import Means
from push.deliver.backlog import Backlog
from push.deliver.sender import Sender
from push.enrolment.kept import keep_fingerprints
from push.enrolment.site import Site
from push.floors.asking import AT_ONCE
from push.health.runner import Health
from push.ingest.engine import Engine, Outside
from push.ingest.foreign.routes import filters
from push.keys import read_keys
from push.model.errors import PermanentError
from push.model.people import Purpose
from push.model.ports import Addressed, Channel, Clock, Database
from push.model.vault import Vault
from push.presence.presence import Presence
from push.profiles import consent, guarded, nicknames, outgoing, registered
from push.profiles.catalogue.view import Catalogue
from push.profiles.collect.collecting import Collecting
from push.profiles.consent import ConsentBook
from push.profiles.erased import Ledger
from push.profiles.keys import Keyring
from push.profiles.months import Months
from push.profiles.people import Seals
from push.profiles.rights import erasing
from push.registrar import Registrar
from push.registry import bulk_desk
from push.registry.bulk_desk import Imports
from push.resealing import Resealer
from push.retaining import Retainer
from push.rewrapping import Rewrapper
from push.sealing import Sealer
from push.secrets import ensure_token, read_or_make
from push.securing import secure, site_of
from push.segmenting import Segmenting, open_segmenting
from push.settings import PushSettings
from push.starting import open_broker
from push.transfer.imports import PeopleImports

log = structlog.get_logger()


class SystemClock:
    """The machine's UTC clock."""

    def now_ms(self) -> int:
        """The time now."""
        return time.time_ns() // 1_000_000


class Parts(NamedTuple):
    """What the server is made of, wired."""

    settings: PushSettings
    db: Database
    vault: Vault
    clock: Clock
    app_key: str
    endpoint: Endpoint
    client: BrokerClient
    channels: Mapping[str, Channel]
    streams: EventStreams
    consents: ConsentBook
    sender: Sender
    backlog: Backlog
    credentials: CredentialBook
    engine: Engine
    registrar: Registrar
    telling: telling.Telling
    showing: showing.Showing
    access: Desk
    site: Site
    resealer: Resealer
    health: Health
    imports: Imports
    keyring: Keyring
    rewrapper: Rewrapper
    sealer: Sealer
    retainer: Retainer
    catalogue: Catalogue
    collecting: Collecting
    segmenting: Segmenting
    people_imports: PeopleImports
    confirmer: confirming.Confirmer
    stops: Stops
    deciding: campaigns.Means
    asker: Asker
    campaigner: Campaigner


async def open_parts(stack: AsyncExitStack, settings: PushSettings, clock: Clock) -> Parts:
    """Open what is to be opened, wire the rest, and come back to where the last run left off."""
    keys = await asyncio.to_thread(read_keys, settings)
    vault = Vault(keys.current, keys.previous)
    keyring = Keyring(Months(settings.file(settings.profiles.keys_dir)))
    await asyncio.to_thread(keyring.months.load, clock.now_ms())
    db = await stack.enter_async_context(open_database(settings.database(), clock))
    await keep_fingerprints(db, vault, clock)
    await _erase_again(db, vault, keyring)
    await registered.move(db, keyring, clock.now_ms())
    catalogue = Catalogue(settings.profiles.sensitive_categories)
    await catalogue.refresh(db)
    app_key = await _tokens(settings, db, clock)
    tls = await secure(settings, db, vault, clock)
    broker, endpoint = await open_broker(settings, stack, tls)
    client = BrokerClient(endpoint)
    rules = settings.presence
    streams, consents, presence = EventStreams(), ConsentBook(), Presence(rules)
    shown = showing.open_showing(settings.screen, showing.Profiles(db, keyring), clock, presence, consents)
    channels = await stack.enter_async_context(ways.open_ways(settings, clock, streams, shown.channel))
    links = unsubscribe.links(vault, settings.http.public_url)
    seals = Seals(vault, keyring)
    confirms = confirm.links(vault, settings.http.public_url)
    sender = Sender(settings.sender, Means(db, seals, clock, channels, links, settings.longest_s, confirms))
    read_traits = guarded.reader(keyring, settings.profiles.traits)
    segmenting = open_segmenting(settings.profiles, db, clock, keyring, catalogue)
    deciding = await open_deciding(
        stack, settings, Profiles(vault, clock, keyring, segmenting.means.sight, read_traits)
    )
    outside = Outside(db, clock, client, sender.wake, deciding)
    deciding.in_force.occupancy = lambda store: len(presence.present(store))
    asker = Asker(db, deciding, clock)
    stack.push_async_callback(asker.close)
    engine = Engine(settings.ingest, outside, presence, consents, rules)
    desk = collecting.desk_of(settings.profiles, vault, keyring, catalogue, settings.app.consent_texts)
    ear = open_ear(deciding)
    following = collecting.Following(consents, engine, shown.screens, ear)
    await consent.use_minimum_age(db, settings.profiles.minimum_age, collecting.aging(desk, following, clock))
    await consents.load(db)
    backlog = Backlog(db, settings.sender.most_queued)
    outbox = watching.Outbox(seals, ways.fit(channels, clock), _checker(channels), backlog, sender.wake)
    health = watching.open_health(settings, watching.Outside(db, clock, engine, client), outbox)
    registrar = Registrar(
        db, vault, engine, broker, (shown.stage.use, health.use, lambda loaded: client.also(filters(loaded.sources)))
    )
    await registrar.reload()
    await engine.resume()
    await health.resume()
    engine.watch(health.watch)
    imports = Imports(
        bulk_desk.Means(db, vault, clock, settings.file("imports"), lambda: registrar.reload(None, others=True))
    )
    await imports.recover()
    stack.push_async_callback(imports.close)
    people = outgoing.Means(keyring, settings.profiles.traits)
    collected = await collecting.open_collecting(db, clock, desk, following)
    credentials = await _credentials(db, vault, clock, channels, sender)
    return Parts(
        settings,
        db,
        vault,
        clock,
        app_key,
        endpoint,
        client,
        channels,
        streams,
        consents,
        sender,
        backlog,
        credentials,
        engine,
        registrar,
        await telling.open_telling(stack, settings.hooks, db, vault, clock, people),
        shown,
        await entrance.open_desk(stack, settings, db, vault, clock),
        await asyncio.to_thread(site_of, settings, tls, endpoint.url),
        Resealer(settings, db, vault, clock),
        health,
        imports,
        keyring,
        Rewrapper(db, keyring, clock),
        Sealer(db, seals),
        Retainer(db, clock, settings.profiles.retention),
        catalogue,
        collected,
        segmenting,
        await collecting.open_imports(stack, settings.file("imports"), db, clock, collected),
        confirming.open_confirmer(settings, confirming.Means(db, clock, collected.desk, outbox), credentials),
        await _stops(db, clock, deciding.in_force),
        deciding,
        asker,
        open_campaigner(db, clock, deciding, ear, (backlog, sender)),
    )


async def _stops(db: Database, clock: Clock, in_force: InForce) -> Stops:
    """What was silenced before this start is so from its first moment."""

    def use(scopes: frozenset[str]) -> None:
        in_force.stopped = scopes

    stops = Stops(db, clock, use)
    await stops.load()
    return stops


async def _erase_again(db: Database, vault: Vault, keyring: Keyring) -> None:
    """Before anything is served: whoever was erased is so, also in a database that came out of a backup."""
    gone = await erasing.replay(erasing.Means(db, vault, keyring, Ledger(keyring.months.folder)))
    if gone:
        log.warning("people who were erased were in the database, and are erased again", facets=gone)
    await nicknames.seal_old(db, keyring)
    await erasing.scrub(db)


async def _credentials(
    db: Database, vault: Vault, clock: Clock, channels: Mapping[str, Channel], sender: Sender
) -> CredentialBook:
    """The book, its credentials in force."""

    def changed(channel: str, app: str) -> None:
        sender.gates.reopen(channel, app)
        sender.wake()

    book = CredentialBook(Trade(db, vault, clock, ways.credentialed(channels), ways.complete, changed))
    await book.load()
    return book


def context_of(parts: Parts) -> Context:
    """The server as endpoints see it."""
    engine, sender = parts.engine, parts.sender

    def note(shopper: str, purposes: Mapping[Purpose, bool]) -> None:
        parts.consents.note(shopper, purposes)
        if not all(purposes.values()):
            parts.showing.screens.take_off(shopper)

    def statistics() -> Mapping[str, int]:
        sent = {f"sender_{k}": v for k, v in sender.counts.items()}
        return {**engine.counts, **sent, "sender_queued": parts.backlog.queued}

    return Context(
        db=parts.db,
        vault=parts.vault,
        clock=parts.clock,
        streams=parts.streams,
        presence=engine,
        reload=parts.registrar.reload,
        note_consent=note,
        wake_senders=sender.wake,
        application_server_keys=lambda: ways.application_server_keys(parts.channels),
        pushes_per_visit=parts.settings.ingest.pushes_per_visit,
        rules=parts.settings.presence,
        check_address=_checker(parts.channels),
        statistics=statistics,
        screens=parts.showing.screens,
        credentials=parts.credentials,
        hooks=parts.telling.hooks,
        tail=parts.telling.tail,
        fit=ways.fit(parts.channels, parts.clock),
        backlog=parts.backlog,
        answering=set(),
        figuring=asyncio.Semaphore(AT_ONCE),
        body_timeout_s=parts.settings.http.body_timeout_s,
        access=parts.access,
        health=parts.health.station,
        site=parts.site,
        imports=parts.imports,
        collecting=parts.collecting,
        segments=parts.segmenting.means,
        counting=parts.segmenting.counting,
        people_imports=parts.people_imports,
        keyring=parts.keyring,
        catalogue=parts.catalogue,
        campaign_policy=parts.settings.campaigns.policy(parts.settings.ingest.pushes_per_visit),
        stops=parts.stops,
        deciding=parts.deciding,
        asker=parts.asker,
        approaches=open_approaches(parts.db, parts.deciding, parts.campaigner.ear, engine),
    )


def _checker(channels: Mapping[str, Channel]) -> Callable[[str, Mapping[str, object]], Reachable]:
    # Asked once: to look whether an object has a protocol's methods takes longer than most of them.
    addressed = {name: channel for name, channel in channels.items() if isinstance(channel, Addressed)}

    def check(name: str, address: Mapping[str, object]) -> Reachable:
        channel = addressed.get(name)
        if channel is None:
            raise PermanentError("no_such_channel")
        spelled = channel.check_address(address)
        return Reachable(spelled, service_of(name, spelled))

    return check


async def _tokens(settings: PushSettings, db: Database, clock: Clock) -> str:
    """Make sure that the operator's and the app's token exist; the app's."""
    operator = await asyncio.to_thread(read_or_make, settings.file("operator.token"), "operator")
    app_key = await asyncio.to_thread(read_or_make, settings.file("app.token"), "app")
    await ensure_token(db, operator, "operator", clock.now_ms())
    await ensure_token(db, app_key, "app", clock.now_ms())
    return app_key
