"""The book of credentials: who we are to each channel's service, for each app. Sealed at rest, in force at once.

PUT ─check with the service▶ sealed row ─load▶ channel.use, gates reopened, senders woken

Other replicas look for changed rows and load them, too; each credential is tried again once a day.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import structlog

from push.in_force import InForce, Key, Raw, context
from push.model.credentials import Asked, CredentialInfo, NoSuchCredentialError
from push.model.delivery import Checked
from push.model.errors import CredentialError, DatabaseError, DeliveryError, PermanentError, TransientError
from push.model.ports import Clock, Credentialed, Database, Row
from push.model.vault import SealError, Vault
from push.registry.audit import audit

log = structlog.get_logger()

LOOK_S: Final = 2.0
"""How often another replica's changes are looked for: one small read."""
CHECK_S: Final = 20.0
"""How long a service may take over a check."""
CHECKS_AT_ONCE: Final = 4
AGAIN_MS: Final = 24 * 3_600_000
"""A credential is tried again this long after its last check,"""
UNANSWERED_MS: Final = 3_600_000
"""and this long after a check that nobody answered."""
MOST_BYTES: Final = 64 * 1024
NOT_TRIED: Final = "not tried yet"


class Trade(NamedTuple):
    """What the book works with.

    `complete` makes what the server makes of a credential itself, given the one before; `changed` is told of every app
    whose credential is another one now.
    """

    db: Database
    vault: Vault
    clock: Clock
    channels: Mapping[str, Credentialed]
    complete: Callable[[str, Raw, Raw], Raw]
    changed: Callable[[str, str], None]


class CredentialBook:
    """Keeps credentials. Secrets leave it through `Credentialed.use` and `check` only."""

    def __init__(self, trade: Trade) -> None:
        self._db, self._vault, self._clock = trade.db, trade.vault, trade.clock
        self._complete = trade.complete
        self._force = InForce(trade.vault, trade.channels, trade.changed)
        self._states: dict[Key, CredentialInfo] = {}
        self._tried_ms: dict[Key, int] = {}
        self._said: frozenset[tuple[Key, str]] = frozenset()
        self._busy = asyncio.Lock()
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    # --- what there is ------------------------------------------------------------------------------------------------

    async def all(self) -> list[CredentialInfo]:
        """Every credential, as people may see it."""
        self._note(await self._db.fetch("credentials.states"))
        now_ms = self._clock.now_ms()
        return [_shown(info, now_ms) for info in self._states.values()]

    @property
    def held(self) -> frozenset[Key]:
        """Channels and apps that have one which can be used; as of the last look."""
        return frozenset(key for key, info in self._states.items() if info.state != "unusable")

    def counts(self) -> dict[str, int]:
        """How many there are of each state, and how many end soon or have ended; as of the last look."""
        now_ms = self._clock.now_ms()
        ending = sum(info.ending(now_ms) is not None for info in self._states.values())
        states = Counter(info.state for info in self._states.values())
        return {**{state: states[state] for state in ("good", "unchecked", "refused", "unusable")}, "ending": ending}

    # --- changes ------------------------------------------------------------------------------------------------------

    async def put(self, channel: str, app: str, asked: Asked) -> CredentialInfo:
        """Check, store and bring into force.

        Raises `NoSuchCredentialError`: no such channel; `PermanentError`: malformed, its reason begins with
        ``bad_credential``, or else refused; `CredentialError`: refused; `TransientError`: the service does not answer.
        """
        service = self._channel(channel)
        if len(msgspec.json.encode(asked.credential)) > MOST_BYTES:
            raise PermanentError(f"bad_credential: expected at most {MOST_BYTES} bytes")
        raw = self._complete(channel, asked.credential, await self._before(channel, app))
        checked = await self._tried(service, app, raw) if asked.check else None
        async with self._busy:
            self._force.begin(channel, app, raw)  # refuses what is malformed, check or none
            try:
                await self._store(channel, app, raw, checked, asked)
            except BaseException:
                self._force.fall_back(channel)
                raise
            await self._load()
        return await self._one(channel, app)

    async def delete(self, channel: str, app: str, actor: str) -> None:
        """Forget one; what would be sent with it waits until there is another. Raises `NoSuchCredentialError`."""
        async with self._busy:
            async with self._db.transaction() as tx:
                if not await tx.execute("credentials.delete", channel=channel, app=app):
                    raise NoSuchCredentialError(f"no credential of {channel} for the app {app}")
                await audit(tx, actor, "delete credential", f"{channel}/{app}", self._clock.now_ms())
            await self._load()

    async def check(self, channel: str, app: str) -> CredentialInfo:
        """Try one with its service now, and note what that says.

        Raises `NoSuchCredentialError`; `TransientError`: the service does not answer.
        """
        row = await self._db.fetch_one("credentials.one", channel=channel, app=app)
        if row is None:
            raise NoSuchCredentialError(f"no credential of {channel} for the app {app}")
        await self._check(row)
        return await self._one(channel, app)

    async def _one(self, channel: str, app: str) -> CredentialInfo:
        for info in await self.all():
            if (info.channel, info.app) == (channel, app):
                return info
        raise NoSuchCredentialError(f"no credential of {channel} for the app {app} any more")

    async def _before(self, channel: str, app: str) -> Raw:
        """What is stored now; nothing where there is none, or none that opens."""
        row = await self._db.fetch_one("credentials.one", channel=channel, app=app)
        try:
            return {} if row is None else self._force.open(row)
        except SealError:
            return {}

    def _channel(self, name: str) -> Credentialed:
        found = self._force.channels.get(name)
        if found is None:
            known = ", ".join(sorted(self._force.channels))
            raise NoSuchCredentialError(f"no channel {name} that takes a credential; there are {known}")
        return found

    async def _store(self, channel: str, app: str, raw: Raw, checked: Checked | None, asked: Asked) -> None:
        now_ms = self._clock.now_ms()
        ends = [ms for ms in (asked.expires_ms, None if checked is None else checked.expires_ms) if ms is not None]
        self._tried_ms[channel, app] = now_ms
        async with self._db.transaction() as tx:
            before = await tx.fetch_one("credentials.one", channel=channel, app=app)
            await tx.execute(
                "credentials.put",
                channel=channel,
                app=app,
                sealed=self._vault.seal(msgspec.json.encode(raw), context(channel, app)),
                summary=NOT_TRIED if checked is None else checked.summary,
                state="unchecked" if checked is None else "good",
                expires_ms=min(ends, default=None),
                warnings=_encoded(checked),
                checked_ms=0 if checked is None else now_ms,
                now_ms=now_ms,
            )
            reason = None if before is None else before["reason"]
            await tx.execute("credentials.hurry", gates=f"{channel}/{app}/", reason=reason, now_ms=now_ms)
            await audit(tx, asked.actor, "put credential", f"{channel}/{app}", now_ms)

    # --- into force ---------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Bring what is stored into force; what cannot be used is reported and left out. Raises `DatabaseError`."""
        async with self._busy:
            await self._load()

    async def _load(self) -> None:
        self._force.apply(await self._db.fetch("credentials.all"))

    # --- kept true ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow other replicas' changes, and try every credential once a day, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(), name="changed credentials")
            group.create_task(self._keep_checked(), name="credential checks")

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                rows = await self._db.fetch("credentials.states")
                if frozenset((row["channel"], row["app"], row["updated_ms"]) for row in rows) != self._force.seen:
                    await self.load()
            except DatabaseError as error:
                log.warning("credentials cannot be read, trying again", error=str(error))
            else:
                self._note(rows)

    async def _keep_checked(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.recheck()
            except DatabaseError as error:
                log.warning("credentials cannot be checked, trying again", error=str(error))

    async def recheck(self) -> None:
        """Try those whose last check is a day ago. Raises `DatabaseError`."""
        for (channel, app), info in list(self._states.items()):
            if not self._is_due(info):
                continue
            self._tried_ms[channel, app] = self._clock.now_ms()
            row = await self._db.fetch_one("credentials.one", channel=channel, app=app)
            try:
                await self._check(row)
            except TransientError as error:
                log.warning("credential not checked", channel=channel, app=app, reason=error.reason)

    def _is_due(self, info: CredentialInfo) -> bool:
        now_ms, key = self._clock.now_ms(), (info.channel, info.app)
        last_ms = self._tried_ms.get(key, 0)
        return now_ms - (info.checked_ms or 0) >= AGAIN_MS and now_ms - last_ms >= UNANSWERED_MS

    async def _check(self, row: Row | None) -> None:
        """Try what a row holds, and note what that says. Raises `TransientError`: the service does not answer."""
        if row is None or (row["channel"], row["app"]) in self._force.unusable:
            return
        of = {"channel": row["channel"], "app": row["app"], "updated_ms": row["updated_ms"]}
        try:
            raw = self._force.open(row)
        except SealError:
            return  # put by a process with another master key: the next look reports it
        try:
            checked = await self._tried(self._channel(row["channel"]), row["app"], raw)
        except (PermanentError, CredentialError) as error:
            async with self._db.transaction() as tx:
                await tx.execute("credentials.found_refused", **of, reason=error.reason, now_ms=self._clock.now_ms())
            return
        async with self._db.transaction() as tx:
            await tx.execute(
                "credentials.found_good",
                **of,
                summary=checked.summary,
                warnings=_encoded(checked),
                expires_ms=checked.expires_ms,
                now_ms=self._clock.now_ms(),
            )
        if row["state"] == "refused":
            self._force.changed(row["channel"], row["app"])

    async def _tried(self, channel: Credentialed, app: str, raw: Raw) -> Checked:
        """Raises `push.model.errors.DeliveryError`."""
        try:
            async with self._checks, asyncio.timeout(CHECK_S):
                return await channel.check(app, raw)
        except TimeoutError:
            raise TransientError("service_too_slow") from None
        except DeliveryError:
            raise
        except Exception:
            log.exception("check failed", channel=channel.name, app=app)
            raise TransientError("check_failed") from None

    def _note(self, rows: list[Row]) -> None:
        """Remember how credentials stand, and log once what got worse."""
        self._states = {(row["channel"], row["app"]): self._info(row) for row in rows}
        now_ms = self._clock.now_ms()
        refused = {(key, "refused") for key, info in self._states.items() if info.state == "refused"}
        said = refused | {(key, "ends") for key, info in self._states.items() if info.ending(now_ms) is not None}
        for key, what in sorted(said - self._said):
            info = self._states[key]
            why = f"refused: {info.reason}" if what == "refused" else info.ending(now_ms)
            log.warning("credential needs attention", channel=info.channel, app=info.app, why=why)
        self._said = frozenset(said)

    def _info(self, row: Row) -> CredentialInfo:
        unusable = self._force.unusable.get((row["channel"], row["app"]))
        return CredentialInfo(
            channel=row["channel"],
            app=row["app"],
            summary=row["summary"],
            state=row["state"] if unusable is None else "unusable",
            reason=row["reason"] if unusable is None else unusable,
            expires_ms=row["expires_ms"],
            checked_ms=row["checked_ms"] or None,
            warnings=tuple(msgspec.json.decode(row["warnings"], type=list[str])),
        )


def _encoded(checked: Checked | None) -> str:
    return msgspec.json.encode(() if checked is None else checked.warnings).decode()


def _shown(info: CredentialInfo, now_ms: int) -> CredentialInfo:
    """With all that its owner should know."""
    found = [] if info.state != "refused" else [f"the service refuses it: {info.reason}"]
    ending = info.ending(now_ms)
    return msgspec.structs.replace(info, warnings=(*info.warnings, *found, *([] if ending is None else [ending])))
