"""The fleet's health, wired: what watches over it, who tells it of clones and clocks, and how its mails go out."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import structlog

from push.api.contract import Reachable
from push.broker.client import BrokerClient
from push.deliver import intake
from push.deliver.asked import AddressIn, Asked, Bare, MessageIn, To
from push.deliver.backlog import Backlog
from push.deliver.sizes import Fit
from push.health.alerts import Mail
from push.health.runner import Health, Means
from push.ingest.engine import Engine
from push.model.delivery import Content
from push.model.errors import PermanentError
from push.model.health import Cloned, Drift
from push.model.ids import derived
from push.model.ports import Clock, Database, Transaction
from push.profiles import people
from push.profiles.people import Seals
from push.registry.tags import UNKNOWN
from push.settings import PushSettings

SOURCE: Final = "health"
"""Who asks for alerts, as messages are written down."""
LIFETIME_S: Final = 86_400

log = structlog.get_logger()


class Outside(NamedTuple):
    """What is watched, and by which clock."""

    db: Database
    clock: Clock
    engine: Engine
    client: BrokerClient


class Outbox(NamedTuple):
    """What mails go out by."""

    seals: Seals
    fit: Fit
    check_address: Callable[[str, Mapping[str, object]], Reachable]
    backlog: Backlog
    wake: Callable[[], None]


def open_health(settings: PushSettings, outside: Outside, outbox: Outbox) -> Health:
    """What watches over the fleet, before anything of it is known."""
    engine, client = outside.engine, outside.client
    return Health(
        Means(
            settings.health,
            outside.db,
            outside.clock,
            Mailer(settings.health.alert_app, outbox),
            lambda: client.connected,
            partial(clones, engine),
            partial(drifts, engine, settings.ingest.drift_bound_s),
        )
    )


def clones(engine: Engine) -> list[Cloned]:
    """The resolver's alarms that stand."""
    return [Cloned(alarm.beacon, alarm.last_ms, alarm.stores) for alarm in engine.ears.clones.alarms]


def drifts(engine: Engine, bound_s: int) -> list[Drift]:
    """How far rotating fixtures' clocks are learned to be off, and how far they are followed."""
    ears, found = engine.ears, []
    for fixture in engine.directory.fixtures:
        position = ears.resolver.tags.find(fixture.id) if fixture.format == "eid" else UNKNOWN
        if position != UNKNOWN:
            found.append(Drift(fixture.id, ears.clocks.ahead_ms(position) / 1000, bound_s))
    return found


class Mailer:
    """`push.health.runner.Post`: alerts are service messages to bare addresses, in the same outbox as all others."""

    def __init__(self, app: str, outbox: Outbox) -> None:
        self._app = app
        self._outbox = outbox

    async def put(self, tx: Transaction, mails: Sequence[Mail], now_ms: int) -> None:
        """Write mails to the outbox; what it refuses, such as an address that bounced, the log says."""
        if not mails:
            return
        asked = [self._asked(mail) for mail in mails]
        by = intake.Means(self._outbox.seals, self._outbox.fit, SOURCE)
        taken = await intake.take(tx, asked, by, now_ms)
        for verdict in taken.verdicts:
            if verdict.status == "refused":
                log.warning("an alert is not mailed", mail=verdict.id, reason=verdict.reason)

    def sent(self, number: int) -> None:
        """So many were committed: let senders look."""
        self._outbox.backlog.add(number)
        self._outbox.wake()

    def _asked(self, mail: Mail) -> Asked:
        to = AddressIn(channel="email", app=self._app, address={"email": mail.to})
        message = MessageIn(
            to=To(address=to),
            content=Content(title=mail.subject, body=mail.body),
            basis="service",
            urgency="high",
            lifetime_s=LIFETIME_S,
        )
        own = derived("msg", SOURCE, mail.id)
        try:
            address, service = self._outbox.check_address("email", to.address)
        except PermanentError:
            return Asked(id=own, message=message, refusal="bad_address")
        hashed = people.address_hash("email", address, self._outbox.seals.vault)
        bare = Bare(channel="email", app=self._app, service=service, address=address, locale=to.locale, hash=hashed)
        return Asked(id=own, message=message, bare=bare)
