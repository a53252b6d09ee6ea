"""Mails that ask whether somebody meant what she said: what is due goes into the outbox, one mail a transaction.

due ─look▶ does anything wait still? ▶ mailbox ▶ limits ▶ outbox, as a service message to that mailbox alone

The mail stands in the database without its link, which is made as it is sent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import structlog

from push.deliver import intake
from push.deliver.asked import AddressIn, Asked, Bare, MessageIn, To
from push.model.delivery import CONFIRM_URL, Content
from push.model.errors import DatabaseError, PermanentError
from push.model.ids import derived
from push.model.ports import Clock, Database, Row, Transaction
from push.model.vault import SealError
from push.profiles import confirming, people
from push.profiles.confirming import DAY_MS, Waiting
from push.profiles.desk import Desk
from push.settings import PushSettings
from push.watching import Outbox

SOURCE: Final = "confirmation"
"""Who asks for these mails, as messages are written down."""
LOOK_S: Final = 1.0
WARN_MS: Final = 3_600_000
HOUR_MS: Final = 3_600_000
SLICE: Final = 50
CHANNEL: Final = "email"
_SUBJECT: Final = "Please confirm: {what}"
_BODY: Final = (
    "Somebody, we hope you, said yes to this with this mailbox: {what}. It holds once you confirm it. "
    "If that was not you, do nothing: nothing of it holds."
)

log = structlog.get_logger()


class Means(NamedTuple):
    """What these mails are made and sent with; `missing` says what to do before any can be sent, if anything."""

    db: Database
    clock: Clock
    desk: Desk
    outbox: Outbox
    missing: Callable[[], str] = str


class Held(Protocol):
    """Which credentials there are."""

    @property
    def held(self) -> frozenset[tuple[str, str]]:
        """Channel and app of each."""
        ...


def open_confirmer(settings: PushSettings, means: Means, credentials: Held) -> "Confirmer":
    """What sends these mails, once there is an address that links lead to, and a credential."""
    app = settings.profiles.double_opt_in.app

    def missing() -> str:
        if not settings.http.public_url:
            return "set push.http.public_url: links in mails lead there"
        if (CHANNEL, app) not in credentials.held:
            return f"give a mail server's account: PUT /v1/credentials/email/{app}, or console, Channels"
        return ""

    return Confirmer(means._replace(missing=missing))


class Confirmer:
    """Sends what is due. `counts` are mails by what became of them; `left` is how many people have one due."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._settings = means.desk.settings.double_opt_in
        self._warned_ms = 0
        self.counts: Counter[str] = Counter()
        self.left = 0

    async def run(self) -> None:
        """Look after what is due, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                log.warning("mails that confirm consent wait, trying again", error=str(error))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Send what is due. Raises `DatabaseError`: the next look goes on."""
        now_ms = self._means.clock.now_ms()
        rows = await self._means.db.fetch("confirming.due", now_ms=now_ms, most=SLICE)
        if rows and self._is_hindered(now_ms):
            row = await self._means.db.fetch_one("confirming.left")
            self.left = 0 if row is None else int(row["people"])
            return
        self.left = 0
        sent = 0
        for row in rows:
            sent += await self._one(row["id"], now_ms)
        if sent:
            self._means.outbox.backlog.add(sent)
            self._means.outbox.wake()

    def _is_hindered(self, now_ms: int) -> bool:
        missing = self._means.missing()
        if missing and now_ms - self._warned_ms >= WARN_MS:
            self._warned_ms = now_ms
            log.warning("consent waits to be confirmed by mail, and no mail can be sent", next_step=missing)
        return bool(missing)

    async def _one(self, confirmation: str, now_ms: int) -> bool:
        """One mail, or why there is none; whether there is."""
        async with self._means.db.transaction(patient=True) as tx:
            row = await tx.fetch_one("confirming.locked", id=confirmation)
            if row is None or row["due_ms"] is None or row["due_ms"] > now_ms:
                return False  # another process was faster
            found = await confirming.waiting(tx, row["shopper"])
            put_off, to = None, None
            if found:
                put_off, to = await self._to(tx, row, now_ms)
            if to is None:
                await tx.execute("confirming.put_off", id=confirmation, due_ms=put_off)
                return False
            return await self._mail(tx, row, found, to, now_ms)

    async def _to(self, tx: Transaction, row: Row, now_ms: int) -> tuple[int | None, Bare | None]:
        """Where the mail goes; or else until when it waits, None where it never goes anywhere."""
        try:
            bare = await self._mailbox(tx, row)
        except (PermanentError, SealError):
            self.counts["bad_address"] += 1
            return None, None
        if bare is None:  # she may yet register one
            late = now_ms - row["asked_ms"] > self._settings.hours * HOUR_MS
            return (None if late else now_ms + HOUR_MS // 60), None
        last = await tx.fetch_one("confirming.last_to", mailbox=bare.hash)
        last_ms = None if last is None else last["sent_ms"]
        if last_ms is not None and last_ms + DAY_MS > now_ms:
            self.counts["too_soon"] += 1
            return last_ms + DAY_MS, None
        hour = await tx.fetch_one("confirming.since", since_ms=now_ms - HOUR_MS)
        if hour is not None and hour["mails"] >= self._settings.most_per_hour:
            self.counts["too_many"] += 1
            return now_ms + HOUR_MS // 60, None
        return None, bare

    async def _mailbox(self, tx: Transaction, row: Row) -> Bare | None:
        """Raises `PermanentError`: no mailbox; `SealError`."""
        if row["sealed"] is not None:
            named: dict[str, object] = {"email": await confirming.mailbox(tx, self._means.desk.keyring, row)}
        else:
            known = await tx.fetch("confirming.registered", shopper=row["shopper"])
            if not known:
                return None
            held = await people.addresses_of(tx, known[0]["device"], self._means.outbox.seals)
            named = next((one.address for one in held if one.channel == CHANNEL), {})
        address, service = self._means.outbox.check_address(CHANNEL, named)
        hashed = people.address_hash(CHANNEL, address, self._means.outbox.seals.vault)
        return Bare(
            channel=CHANNEL, app=self._settings.app, service=service, address=address, locale=row["locale"] or "en",
            hash=hashed,
        )  # fmt: skip

    async def _mail(self, tx: Transaction, row: Row, found: Sequence[Waiting], to: Bare, now_ms: int) -> bool:
        hours_ms = self._settings.hours * HOUR_MS
        own = derived("msg", SOURCE, row["id"], str(row["mails"]), str(now_ms))
        asked = Asked(id=own, message=self._message(to, found, hours_ms), bare=to)
        by = intake.Means(self._means.outbox.seals, self._means.outbox.fit, SOURCE)
        [verdict] = (await intake.take(tx, [asked], by, now_ms)).verdicts
        if verdict.delivery is None:
            self.counts[verdict.reason or "refused"] += 1
            await tx.execute("confirming.put_off", id=row["id"], due_ms=None)
            return False
        await tx.execute(
            "confirming.mail", delivery=verdict.delivery, confirmation=row["id"], mailbox=to.hash, sent_ms=now_ms,
            ends_ms=now_ms + hours_ms,
        )  # fmt: skip
        await tx.execute("confirming.mailed", id=row["id"])
        self.counts["queued"] += 1
        return True

    def _message(self, to: Bare, found: Sequence[Waiting], lifetime_ms: int) -> MessageIn:
        subject, body = self._texts(to.locale)
        purposes = self._means.desk.purposes
        known = [purposes.shown(one.purpose, one.version) or purposes.words(one.purpose, to.locale) for one in found]
        what = ", ".join(words.title for words in known)
        return MessageIn(
            to=To(address=AddressIn(channel=CHANNEL, app=to.app, address=to.address, locale=to.locale)),
            content=Content(
                title=subject.replace("{what}", what),
                body=body.replace("{what}", what),
                url=CONFIRM_URL,
                locale=to.locale,
            ),
            basis="service",
            urgency="high",
            lifetime_s=lifetime_ms // 1000,
        )

    def _texts(self, locale: str) -> tuple[str, str]:
        """In her language, or its country's, or else in English."""
        texts = {tag.replace("_", "-").lower(): said for tag, said in self._settings.texts.items()}
        tag = locale.replace("_", "-").lower()
        return texts.get(tag) or texts.get(tag.partition("-")[0]) or texts.get("en") or (_SUBJECT, _BODY)
