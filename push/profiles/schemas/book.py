"""Schemas in force, and what was seen, in memory: written down every few seconds, so that nobody waits for it."""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import structlog

from push.model.errors import DatabaseError
from push.model.ids import fresh
from push.model.ports import Clock, Database, Queries, Row, Transaction
from push.model.profiles import Statement
from push.profiles.schemas.schema import (
    Kind,
    Schema,
    Subject,
    Violation,
    is_plain,
    subject_of,
    type_of,
    values_of,
    violation,
)

log = structlog.get_logger()

FLUSH_S: Final = 5.0
MOST_LEARNED: Final = 20_000
"""Fields of all events together, each once for every type, unless set otherwise; what comes beyond is not learned."""
MOST_LAST: Final = 20
"""Violations of one schema that are shown."""
MOST_WAITING: Final = 1_000
"""Violations that wait to be written; of more, only the count."""


class Seen(NamedTuple):
    """A field of an event, or a trait, as one type; the field '' is the event itself."""

    subject: Subject
    field: str
    type: str


class _Violated(NamedTuple):
    subject: Subject
    source: str
    what: Violation
    at_ms: int


class Schemas:
    """What is laid down and what is seen. `see` and `learn` may be called from any thread."""

    def __init__(self, db: Database, clock: Clock, *, enforce: bool = False, most: int = MOST_LEARNED) -> None:
        self._db = db
        self._most = most
        self._clock = clock
        self._enforce = enforce
        self._rules: Mapping[Subject, Schema] = {}
        self._known: set[Seen] = set()
        self._lock = threading.Lock()
        self._seen: Counter[Seen] = Counter()
        self._violations: Counter[Subject] = Counter()
        self._last: deque[_Violated] = deque(maxlen=MOST_WAITING)
        self.beyond = 0
        """How often something was not learned because so much is."""

    def see(self, statement: Statement) -> Violation | None:
        """What of a statement differs from what is laid down, where that is enforced; where not, it is counted."""
        subject = subject_of(statement)
        if subject is None:
            return None
        schema = self._rules.get(subject)
        found = None if schema is None else violation(schema, subject, values_of(statement))
        if schema is None or found is None:
            return None
        with self._lock:
            self._violations[subject] += 1
            self._last.append(_Violated(subject, statement.source, found, self._clock.now_ms()))
        return found if schema.mode == "enforce" or (schema.mode is None and self._enforce) else None

    def learn(self, statement: Statement) -> None:
        """Learn of what an event, or traits, consist."""
        subject = subject_of(statement)
        if subject is None:
            return
        with self._lock:
            self._learn(Seen(subject, "", subject.kind))
            for name, value in values_of(statement).items():
                type_ = type_of(value)
                if type_ is not None:
                    self._learn(Seen(subject, name, type_))

    def _learn(self, seen: Seen) -> None:
        if seen in self._known:
            self._seen[seen] += 1
        elif len(self._known) >= self._most:
            self.beyond += 1
        elif is_plain(seen.field or "x") and is_plain(seen.subject.name or "x"):
            self._known.add(seen)
            self._seen[seen] += 1

    async def load(self) -> None:
        """Read what is laid down, and what was learned before. Raises `DatabaseError`."""
        await self.reload()
        rows = await self._db.fetch("schemas.learned")
        self._known |= {Seen(Subject(row["kind"], row["name"]), row["field"], row["type"]) for row in rows}

    async def reload(self) -> None:
        """Read what is laid down. Raises `DatabaseError`."""
        rows = await self._db.fetch("schemas.rules")
        self._rules = {
            Subject(row["kind"], row["name"]): msgspec.json.decode(row["content"], type=Schema) for row in rows
        }

    async def flush(self) -> None:
        """Write down what was seen since the last time. Raises `DatabaseError`: these counts are lost."""
        with self._lock:
            seen, violations, last = self._seen, self._violations, list(self._last)
            self._seen, self._violations = Counter(), Counter()
            self._last.clear()
        if not seen and not violations:
            return
        async with self._db.transaction(patient=True) as tx:
            await _write(tx, seen, violations, last, self._clock.now_ms())

    async def run(self) -> None:
        """Write down and follow what others lay down, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
                await self.reload()
            except DatabaseError as error:
                log.warning("schemas cannot be kept, trying again", error=str(error))


async def _write(
    tx: Transaction,
    seen: Mapping[Seen, int],
    violations: Mapping[Subject, int],
    last: list[_Violated],
    now_ms: int,
) -> None:
    learned = [
        {
            "kind": one.subject.kind,
            "name": one.subject.name,
            "field": one.field,
            "type": one.type,
            "n": n,
            "at_ms": now_ms,
        }
        for one, n in sorted(seen.items())
    ]
    await tx.execute_many("schemas.learn", learned)
    await tx.execute_many("schemas.count", [{**each._asdict(), "n": n} for each, n in sorted(violations.items())])
    rows = [
        {"id": fresh("viol"), **one.subject._asdict(), **one.what._asdict(), "source": one.source, "at_ms": one.at_ms}
        for one in last
    ]
    await tx.execute_many("schemas.violated", rows)
    await tx.execute_many("schemas.prune", [{**each._asdict(), "most": MOST_LAST} for each in sorted(violations)])


# --- as people see them -----------------------------------------------------------------------------------------------


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """A field as it arrived: how often as which type, and between when and when."""

    field: str
    types: dict[str, int]
    first_ms: int
    last_ms: int


class LastViolation(msgspec.Struct, frozen=True, kw_only=True):
    """What was not as laid down, of which source; never what stood there."""

    at_ms: int
    source: str
    field: str
    expected: str


class SchemaOut(msgspec.Struct, frozen=True, kw_only=True):
    """An event, or traits: what was seen of it, and what is laid down."""

    kind: Kind
    name: str
    seen: int
    learned: list[Learned]
    laid_down: Schema | None
    violations: int
    last: list[LastViolation]


async def listed(db: Queries) -> list[SchemaOut]:
    """All events and traits that were seen, or of which something is laid down."""
    learned: dict[Subject, dict[str, Learned]] = {}
    for row in await db.fetch("schemas.learned"):
        fields = learned.setdefault(Subject(row["kind"], row["name"]), {})
        fields[row["field"]] = _joined(fields.get(row["field"]), row)
    rules = {Subject(row["kind"], row["name"]): row for row in await db.fetch("schemas.rules")}
    last: dict[Subject, list[LastViolation]] = {}
    for row in await db.fetch("schemas.last"):
        one = LastViolation(at_ms=row["at_ms"], source=row["source"], field=row["field"], expected=row["expected"])
        last.setdefault(Subject(row["kind"], row["name"]), []).append(one)
    return [
        _shown(subject, learned.get(subject, {}), rules.get(subject), last.get(subject, []))
        for subject in sorted(learned.keys() | rules.keys())
    ]


def _joined(before: Learned | None, row: Row) -> Learned:
    types = {**({} if before is None else before.types), row["type"]: row["n"]}
    first_ms = row["first_ms"] if before is None else min(before.first_ms, row["first_ms"])
    last_ms = row["last_ms"] if before is None else max(before.last_ms, row["last_ms"])
    return Learned(field=row["field"], types=types, first_ms=first_ms, last_ms=last_ms)


def _shown(subject: Subject, learned: Mapping[str, Learned], rule: Row | None, last: list[LastViolation]) -> SchemaOut:
    whole = learned.get("")
    return SchemaOut(
        kind=subject.kind,
        name=subject.name,
        seen=0 if whole is None else sum(whole.types.values()),
        learned=[one for name, one in learned.items() if name],
        laid_down=None if rule is None else msgspec.json.decode(rule["content"], type=Schema),
        violations=0 if rule is None else rule["violations"],
        last=last,
    )


async def put(tx: Transaction, subject: Subject, schema: Schema | None, by: str, now_ms: int) -> Schema | None:
    """Lay down a schema, or none any more; what was laid down before. Counts begin anew."""
    before = {Subject(row["kind"], row["name"]): row["content"] for row in await tx.fetch("schemas.rules")}
    await tx.execute("schemas.forget_violations", **subject._asdict())
    if schema is None:
        await tx.execute("schemas.delete", **subject._asdict())
    else:
        content = msgspec.json.encode(schema, order="sorted").decode()
        await tx.execute("schemas.put", **subject._asdict(), content=content, changed_by=by, changed_ms=now_ms)
    return msgspec.json.decode(before[subject], type=Schema) if subject in before else None
