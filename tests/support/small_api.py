"""The API on a real database without ingest: presence where nobody is, or where too much waits."""

import asyncio
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from push.access.desk import Desk
from push.access.known import Known
from push.access.limits import Limits
from push.access.passwords import Hasher
from push.access.traces import Traces
from push.api.contract import Context, Reachable
from push.campaigns.approaching import Approaches
from push.campaigns.asker import Asker
from push.campaigns.hearing import NOTHING as NOTHING_LIVE
from push.campaigns.hearing import Ear
from push.campaigns.stops import Stops
from push.channels.inapp import EventStreams
from push.channels.screen import OpenScreens
from push.credentials import CredentialBook, Trade
from push.deliver.backlog import Backlog
from push.deliver.hook_runner import Hooks
from push.deliver.hook_turns import HookMeans
from push.deliver.hooks import HookSettings
from push.deliver.tail import Tail
from push.enrolment.limits import CodeLimits
from push.enrolment.site import Site
from push.floors.asking import AT_ONCE
from push.health.settings import HealthSettings
from push.health.station import Station
from push.ingest.foreign.queue import Standing
from push.model.decisions import Policy
from push.model.errors import OverloadedError, TransientError
from push.model.hooks import Letter
from push.model.ports import Clock, Database, Transaction
from push.model.presence import Observation
from push.model.screens import Sight
from push.model.sites import Rules
from push.profiles import outgoing
from push.profiles.catalogue.view import Catalogue
from push.profiles.collect.apply import Applied
from push.profiles.collect.collecting import Collecting
from push.profiles.collect.intake import Intake
from push.profiles.collect.newcomers import Newcomers
from push.profiles.collect.proof import Prover
from push.profiles.desk import Desk as ProfileDesk
from push.profiles.identity.kinds import Kinds
from push.profiles.schemas.book import Schemas
from push.profiles.segments.counting import Counting
from push.profiles.settings import ProfileSettings
from push.registry import bulk_desk
from push.registry.audit import audit
from push.registry.bulk_desk import Imports
from push.registry.directory import Directory
from push.transfer.imports import PeopleImports
from push.transfer.job import Means
from tests.support import deciding
from tests.support.clocks import SettableClock
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT
from tests.support.segmented import town


class Nowhere:
    """Presence where nobody is."""

    directory = Directory()

    def identify(self, ids: list[tuple[int, bytes]], at_ms: int) -> list[str | None]:
        del at_ms
        return [None] * len(ids)

    def standing(self, store: str, source: str) -> Standing:
        del store, source
        return Standing()

    def learned(self, gateway: str) -> None:
        del gateway

    async def report(self, shopper: str, device: str, observations: list[Observation]) -> list[str]:
        del shopper, device, observations
        return []

    async def forget(self, shopper: str) -> None:
        del shopper

    async def purge(self) -> None:
        pass


class Dark:
    """A stage that nobody stands on."""

    def sight(self, shopper: str, now_ms: int) -> Sight:
        del shopper, now_ms
        return Sight()


class Crowded(Nowhere):
    """Presence that takes nothing more in."""

    async def forget(self, shopper: str) -> None:
        del shopper
        raise OverloadedError("withdrawals")


class Broken(Nowhere):
    """Presence with a fault in it."""

    async def forget(self, shopper: str) -> None:
        raise ZeroDivisionError(f"a fault that names {shopper}")


class Unposted:
    """Posts to hooks, of which none can be reached."""

    def new_secret(self) -> str:
        return "whsec_" + "A" * 32

    def check_url(self, url: str) -> str:
        return url

    async def post(self, letter: Letter) -> int:
        del letter
        raise TransientError("service_unreachable")


async def nothing(beacons: Collection[str] | None = (), *, others: bool = True) -> None:
    """No registry, nothing to reload."""
    del beacons, others


class Nothing:
    """No consequences: nothing waits, and nobody is located."""

    async def within(self, tx: Transaction, applied: Applied, now_ms: int) -> None:
        del tx, applied, now_ms

    async def after(self, applied: Applied) -> None:
        del applied


def collecting(db: Database, clock: Clock) -> Collecting:
    profiles = ProfileSettings()
    profile_desk = ProfileDesk(VAULT, KEYRING, Kinds(), profiles)
    intake = Intake(db, clock, profile_desk, Nothing(), profiles.most_waiting)
    return Collecting(
        profile_desk,
        intake,
        Prover(profiles.user_tokens, {}),
        Counter(),
        Schemas(db, clock),
        Newcomers(profiles.bounds),
        Counter(),
    )


def desk(db: Database, clock: Clock) -> Desk:
    return Desk(db, VAULT, clock, Hasher(), audit, Limits(), Traces(db, clock), Known())


def context(db: Database, clock: Clock, streams: EventStreams, presence: Nowhere) -> Context:
    return Context(
        db=db,
        vault=VAULT,
        clock=clock,
        streams=streams,
        presence=presence,
        reload=nothing,
        note_consent=lambda *_: None,
        wake_senders=lambda: None,
        application_server_keys=dict,
        pushes_per_visit=1,
        deciding=deciding.means(),
        asker=Asker(db, deciding.means(), clock),
        rules=Rules(),
        check_address=lambda _channel, address: Reachable(dict(address), ""),
        statistics=dict,
        screens=OpenScreens(Dark()),
        credentials=CredentialBook(Trade(db, VAULT, clock, {}, lambda _channel, raw, _before: raw, lambda *_: None)),
        fit=lambda _way, _message, _address: (),
        backlog=Backlog(db, 1000),
        answering=set(),
        figuring=asyncio.Semaphore(AT_ONCE),
        body_timeout_s=15.0,
        access=desk(db, clock),
        health=Station(HealthSettings()),
        site=Site(CodeLimits(), CodeLimits()),
        collecting=collecting(db, clock),
        segments=town(db, SettableClock()).means,
        counting=Counting(db, town(db, SettableClock()).means, clock),
        people_imports=PeopleImports(
            Means(db, VAULT, clock, Path("imports"), Kinds(), collecting(db, clock).intake.take, lambda _: None)
        ),
        imports=Imports(bulk_desk.Means(db, VAULT, clock, Path("imports"), nothing)),
        keyring=KEYRING,
        catalogue=Catalogue(),
        campaign_policy=Policy(),
        stops=Stops(db, clock, lambda _: None),
        approaches=Approaches(db, deciding.means(), Ear(lambda: NOTHING_LIVE), dict),
        hooks=Hooks(HookMeans(HookSettings(), db, VAULT, clock, Unposted(), outgoing.Means(KEYRING, {}))),
        tail=Tail(db, clock),
    )
