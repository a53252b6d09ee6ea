"""Who is told, when, of what: grouped by store, quieted, and each thing once.

An alert waits `group_s` after the first finding that it tells of, for what belongs to it. Hooks then get one event for
each store; mails go out once for each store and hour, with everything that came meanwhile. What is explained by another
finding, or known, alerts nobody; nor does what mended itself before it was told.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from push.health.keeping import findings_of, ids
from push.health.settings import MINUTE_MS, HealthSettings
from push.model.health import Finding
from push.model.ids import derived
from push.model.ports import Transaction

AT_ONCE: Final = 500
"""Findings that are told of at a time."""
MOST_LINES: Final = 12
MOST_TEXT: Final = 1900
"""What a message's body holds (`push.model.delivery.Content`)."""

Telling = Literal["health.opened", "health.cleared"]


class Mail(NamedTuple):
    """A mail to one address; `id` is the same however often it is composed."""

    id: str
    to: str
    subject: str
    body: str


class Group(NamedTuple):
    """Findings of one store; None: of the whole fleet."""

    store: str | None
    findings: tuple[Finding, ...]


def due(findings: Sequence[Finding], wait_ms: int, now_ms: int) -> list[Group]:
    """The groups whose first finding opened, or was over, long enough ago."""
    groups: dict[str | None, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.store, []).append(finding)
    return [
        Group(store, tuple(of))
        for store, of in groups.items()
        if min(f.opened_ms if f.cleared_ms is None else f.cleared_ms for f in of) + wait_ms <= now_ms
    ]


async def tell(tx: Transaction, limits: HealthSettings, now_ms: int) -> int:
    """Tell hooks, and streams of events, of what opened and of what is over; how many events."""
    opened = findings_of(await tx.fetch("health.untold", now_ms=now_ms, most=AT_ONCE))
    over = findings_of(await tx.fetch("health.untold_over", most=AT_ONCE))
    told = [("health.opened", "health.tell", group) for group in due(opened, limits.group_s * 1000, now_ms)]
    told += [("health.cleared", "health.tell_over", group) for group in due(over, limits.group_s * 1000, now_ms)]
    if not told:
        return 0
    row = await tx.fetch_one("events.take", n=len(told))
    first = (len(told) if row is None else int(row["value"])) - len(told) + 1
    for n, (kind, mark, group) in enumerate(told):
        detail = msgspec.json.encode({"store": group.store, "findings": group.findings}).decode()
        await tx.execute("health.put_event", seq=first + n, at_ms=now_ms, kind=kind, detail=detail)
        await tx.execute(mark, ids=ids(group.findings), now_ms=now_ms)
    return len(told)


async def mails(tx: Transaction, limits: HealthSettings, now_ms: int) -> list[Mail]:
    """The mails that are due, marked as sent: whoever asks for them writes them to the outbox in the same breath."""
    if not limits.alert_emails:
        return []
    last = {row["store"]: int(row["mailed_ms"]) for row in await tx.fetch("health.mails")}
    unmailed = findings_of(await tx.fetch("health.unmailed", now_ms=now_ms, most=AT_ONCE))
    found = []
    for group in due(unmailed, limits.group_s * 1000, now_ms):
        if not _may_mail(last, group.store, limits, now_ms):
            continue
        subject, body = composed(group)
        key = derived("hm", group.store or "", now_ms)
        found += [Mail(derived("hm", key, to), to, subject, body) for to in limits.alert_emails]
        await tx.execute("health.put_mail", store=group.store or "", mailed_ms=now_ms)
        await tx.execute("health.mail", ids=ids(group.findings), now_ms=now_ms)
    return found


def _may_mail(last: Mapping[str, int], store: str | None, limits: HealthSettings, now_ms: int) -> bool:
    return now_ms - last.get(store or "", 0) >= limits.mail_every_min * MINUTE_MS


def composed(group: Group) -> tuple[str, str]:
    """A mail's subject and text: what cannot wait first, each with its next step."""
    ranked = sorted(group.findings, key=lambda f: (f.severity != "now", f.since_ms))
    urgent = sum(f.severity == "now" for f in ranked)
    where = "the whole fleet" if group.store is None else f"store {group.store}"
    number = f"{len(ranked)} finding{'s' if len(ranked) > 1 else ''}"
    subject = f"Footfall: {where}: {number}{f', {urgent} cannot wait' if urgent else ''}"
    lines = [f"{f.subject} ({f.kind.replace('_', ' ')}): {f.says} {f.next_step}" for f in ranked]
    return subject, _fitted(lines)


def _fitted(lines: Sequence[str]) -> str:
    """As many as there is room for, and how many more there are."""
    shown: list[str] = []
    for line in lines[:MOST_LINES]:
        if sum(map(len, shown)) + 2 * len(shown) + len(line) > MOST_TEXT - 80:
            break
        shown.append(line)
    more = len(lines) - len(shown)
    return "\n\n".join([*shown, f"And {more} more: the console's health page has them all."] if more else shown)
