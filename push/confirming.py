"""Mails that ask whether somebody meant what she said: what is due goes into the outbox, one mail a transaction.

due ─look▶ does anything wait still? ▶ mailbox ▶ limits ▶ outbox, as a service message to that mailbox alone

The mail stands in the database without its link, which is made as it is sent.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import islice
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


class Lately:
    """Mailboxes that were written to within a day, by their hash: what the database knows of it goes with the erased.

    Else whoever names somebody else's mailbox, and erases herself, could have her written to at once again.
    """

    def __init__(self) -> None:
        self._sent_ms: dict[str, int] = {}
        self._hour: deque[int] = deque()

    def note(self, mailbox: str, now_ms: int) -> None:
        """A mail to a mailbox is on its way."""
        for old in [one for one, sent_ms in islice(self._sent_ms.items(), SLICE) if sent_ms <= now_ms - DAY_MS]:
            del self._sent_ms[old]
        self._sent_ms.pop(mailbox, None)
        self._sent_ms[mailbox] = now_ms
        self._hour.append(now_ms)

    def last_ms(self, mailbox: str) -> int:
        """When a mailbox was written to last; 0 where it was not."""
        return self._sent_ms.get(mailbox, 0)

    def within_hour(self, now_ms: int) -> int:
        """How many mails there were."""
        while self._hour and self._hour[0] <= now_ms - HOUR_MS:
            self._hour.popleft()
        return len(self._hour)


class Confirmer:
    """Sends what is due. `counts` are mails by what became of them; `left` is how many people have one due."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._settings = means.desk.settings.double_opt_in
        self._warned_ms = 0
        self._lately = Lately()
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
            sent += await self._tried(row["id"], now_ms)
        if sent:
            self._means.outbox.backlog.add(sent)
            self._means.outbox.wake()

    def _is_hindered(self, now_ms: int) -> bool:
        missing = self._means.missing()
        if missing and now_ms - self._warned_ms >= WARN_MS:
            self._warned_ms = now_ms
            log.warning("consent waits to be confirmed by mail, and no mail can be sent", next_step=missing)
        return bool(missing)

    async def _tried(self, confirmation: str, now_ms: int) -> bool:
        """As `_one`; where a month's key is lost that somebody's is under, she waits alone."""
        try:
            return await self._one(confirmation, now_ms)
        except SealError as error:
            self.counts["unreadable"] += 1
            log.warning("consent cannot be confirmed by mail: what it takes does not open", error=str(error))
        async with self._means.db.transaction(patient=True) as tx:
            await tx.execute("confirming.put_off", id=confirmation, due_ms=now_ms + HOUR_MS)
        return False

    async def _one(self, confirmation: str, now_ms: int) -> bool:
        """One mail, or why there is none; whether there is."""
        async with self._means.db.transaction(patient=True) as tx:
            row = await tx.fetch_one("confirming.locked", id=confirmation)
            if row is None or row["due_ms"] is None or row["due_ms"] > now_ms:
                return False  # another process was faster
            known = self._means.desk.purposes.known  # of what was taken out of the settings nobody is asked
            found = [one for one in await confirming.waiting(tx, row["shopper"]) if one.purpose in known]
            put_off, to = None, None
            if found:
                put_off, to = await self._to(tx, row, now_ms)
            if to is None:
                await tx.execute("confirming.put_off", id=confirmation, due_ms=put_off)
                return False
            is_mailed = await self._mail(tx, row, found, to, now_ms)
        if is_mailed:
            self._lately.note(to.hash, now_ms)
        return is_mailed

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
        last_ms = max((None if last is None else last["sent_ms"]) or 0, self._lately.last_ms(bare.hash))
        if last_ms + DAY_MS > now_ms:
            self.counts["too_soon"] += 1
            return last_ms + DAY_MS, None
        hour = await tx.fetch_one("confirming.since", since_ms=now_ms - HOUR_MS)
        mails = max(0 if hour is None else hour["mails"], self._lately.within_hour(now_ms))
        if mails >= self._settings.most_per_hour:
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
