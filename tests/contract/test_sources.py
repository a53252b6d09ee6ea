"""Whom stores believe of other people's gateways, on both databases: written, renewed, deleted, never written over."""

import msgspec
import pytest

from push.model.errors import AbsentError, MisfitError, StaleError
from push.model.ports import Database
from push.model.sources import Source
from push.registry import directory, source_editing, sources
from push.registry.editing import EXISTING
from push.registry.records import Hand
from tests.support.ingest import T0_MS, VAULT

HAND = Hand("operator:ann", T0_MS)
DOOR = Source(store="s1", id="door", kind="theengs", topic="s1/+/BTtoMQTT/+", gateways={"door": "g1", "tills": "g2"})


async def test_a_source_is_kept_with_a_sealed_password_and_never_written_over(db: Database) -> None:
    async with db.transaction() as tx:
        written, login = await source_editing.put(tx, DOOR, HAND, VAULT, 0)
    assert login is not None
    assert (written.is_new, login.password in repr(login)) == (True, False)
    loaded = await directory.load(db, VAULT)
    assert (loaded.sources, loaded.unheeded) == ((DOOR,), frozenset({"g1", "g2"}))
    assert await sources.logins(db, VAULT) == [sources.Let(login, DOOR.topic)]
    louder = msgspec.structs.replace(DOOR, triggers=True, enabled=False)
    async with db.transaction() as tx:
        with pytest.raises(StaleError, match="operator:ann"):
            await source_editing.put(tx, louder, HAND, VAULT, 7)
        assert (await source_editing.put(tx, louder, HAND, VAULT, EXISTING))[1] is None
        assert not (await source_editing.put(tx, louder, HAND, VAULT))[0].is_changed
        other = await source_editing.renew(tx, "s1", "door", HAND, VAULT)
    assert (other.password != login.password, await sources.logins(db, VAULT)) == (True, [])
    assert (await directory.load(db, VAULT)).unheeded == frozenset()
    [held] = await source_editing.of_store(db, "s1")
    assert (held.source, held.revision, held.changed_by) == (louder, 3, "operator:ann")
    async with db.transaction() as tx:
        elsewhere = Source(store="s2", id="x", kind="raddec", topic="s1/a/BTtoMQTT/#", gateways={"a": "g1"})
        with pytest.raises(MisfitError, match=r"a source of another store.*no gateway 'g1'"):
            await source_editing.put(tx, elsewhere, HAND, VAULT)
        await source_editing.delete(tx, "s1", "door", HAND, 3)
        with pytest.raises(AbsentError):
            await source_editing.delete(tx, "s1", "door", HAND)
    assert await source_editing.of_store(db, "s1") == ()
