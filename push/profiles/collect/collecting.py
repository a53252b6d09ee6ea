"""Collecting, wired: what endpoints that take statements work with."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from push.model.ports import Queries
from push.model.profiles import Statement
from push.profiles.collect.bounded import notes_on, within_bounds
from push.profiles.collect.bounds import Rejected
from push.profiles.collect.consents import Rules, words
from push.profiles.collect.gate import is_of_contract
from push.profiles.collect.intake import Intake
from push.profiles.collect.newcomers import Newcomers
from push.profiles.collect.parse import Heard, Read, read
from push.profiles.collect.proof import Prover
from push.profiles.collect.who import Proof
from push.profiles.desk import Desk
from push.profiles.identity.facets import fingerprint, listed
from push.profiles.schemas.book import Schemas
from push.profiles.trait_words import taken

AT_ONCE: Final = 50
"""Messages that are read in the loop; more would hold it up, and are read in a thread."""


class Collecting(NamedTuple):
    """Where statements come in. `read_counts` are what was not believed or not understood, by reason."""

    desk: Desk
    intake: Intake
    prover: Prover
    read_counts: Counter[str]
    schemas: Schemas
    """What events and traits consist of, and are to consist of."""
    newcomers: Newcomers
    answers: Counter[str]
    """How often people were asked, and what they answered, by purpose and word (``marketing granted``)."""

    async def read(self, raws: Sequence[msgspec.Raw], heard: Heard) -> list[Read]:
        """Messages as statements; where a token names a key that is not known, the keys are looked at again."""
        found = await self._read(raws, heard)
        if self.prover.may_read():
            await asyncio.to_thread(self.prover.read)
            found = await self._read(raws, heard)
        found = self._seen(found) if len(found) <= AT_ONCE else await asyncio.to_thread(self._seen, found)
        for one in found:
            self.read_counts.update(one.notes)
            if not isinstance(one.what, Statement):
                self.read_counts[one.what.reason] += 1
        return found

    async def proven(self, token: str, now_ms: int) -> Proof | None:
        """Whom a token names, None where it proves nothing."""
        proof = self.prover.prove(token, now_ms)
        if proof is None and self.prover.may_read():
            await asyncio.to_thread(self.prover.read)
            proof = self.prover.prove(token, now_ms)
        return proof

    async def _read(self, raws: Sequence[msgspec.Raw], heard: Heard) -> list[Read]:
        if len(raws) <= AT_ONCE:
            return self._each(raws, heard)
        return await asyncio.to_thread(self._each, raws, heard)

    def _seen(self, found: Sequence[Read]) -> list[Read]:
        """Without those that are not as it was laid down that they are to be, and without what is too large."""
        return [self._looked_at(one, one.what) if isinstance(one.what, Statement) else one for one in found]

    def _looked_at(self, read: Read, statement: Statement) -> Read:
        bounded = within_bounds(statement, self.desk.settings.bounds)
        notes = *read.notes, *notes_on(statement, bounded), *self._left_out(bounded)
        return Read(self._fitting(bounded), notes)

    def _left_out(self, statement: Statement) -> Iterator[str]:
        """Why traits of a statement are not kept, once for each."""
        if statement.traits and statement.kind != "group":
            for why, times in taken(statement.traits, self.desk.settings.traits).dropped.items():
                yield from [f"trait_{why}"] * times

    def _fitting(self, statement: Statement) -> Statement | Rejected:
        differs = self.schemas.see(statement)
        if differs is None:
            return statement
        part = "traits" if statement.kind == "identify" else "properties"
        return Rejected("schema", f"{part}.{differs.field}".rstrip("."), differs.expected)

    def _each(self, raws: Sequence[msgspec.Raw], heard: Heard) -> list[Read]:
        proven: dict[str, Proof | None] = {}

        def prove(token: str) -> Proof | None:
            """Each token of a call once: a signature costs a hundred times what a message does."""
            if token not in proven:
                proven[token] = self.prover.prove(token, heard.received_ms)
            return proven[token]

        return [read(raw, heard, self.desk.kinds, prove) for raw in raws]

    async def let_in(self, db: Queries, statements: Sequence[Statement], address: str, now_ms: int) -> int:
        """Whether a key that ships in apps may bring these: 0, or after how many ms. Who is known already is not new.

        Somebody comes in by what is said of her consent, and by an order where these are kept in any case; all else of
        somebody who is not known leaves no trace.
        """
        rules = Rules(self.desk.settings.consent_categories, self.desk.settings.minimum_age)
        orders = self.desk.settings.keep_orders
        coming = {
            one.home
            for one in statements
            if one.authority == "publishable" and (words(one, "", rules) or (orders and is_of_contract(one)))
        }
        if not coming:
            return 0
        hashes = [fingerprint(one, self.desk.vault) for one in coming]
        new = len(coming) - len(await db.fetch("identity.known", hashes=listed(hashes)))
        return self.newcomers.let_in(statements[0].source, address, new, now_ms) if new else 0
