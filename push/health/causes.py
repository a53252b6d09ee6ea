"""One dead switch is one finding: what follows from something else is explained by it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from push.health.verdicts import Key, Lasting
from push.model.health import SERVER, Kind

TOGETHER: Final = 2
"""Gateways, or stores, that must be gone together before their common cause is to blame."""


def explained(lasting: Sequence[Lasting], stores: Mapping[str, str | None]) -> tuple[list[Lasting], dict[Key, Key]]:
    """The common causes of what lasts, and by which cause each is explained.

    `stores` names the store of every gateway that is registered and ever connected.
    """
    gone = {one.subject: one for one in lasting if one.kind == "offline"}
    causes = _stores_gone(gone, stores)
    because: dict[Key, Key] = {
        ("offline", name): ("store_offline", store)
        for name in gone
        if (store := stores.get(name)) is not None and store in causes
    }
    everywhere = _all_gone(causes, {s for s in stores.values() if s is not None}, gone, stores)
    if everywhere is not None:
        because = {("offline", name): ("all_offline", SERVER) for name in gone}
        because |= {("store_offline", store): ("all_offline", SERVER) for store in causes}
    because |= _of_the_offline(lasting, gone)
    return [*causes.values(), *([] if everywhere is None else [everywhere])], because


def _stores_gone(gone: Mapping[str, Lasting], stores: Mapping[str, str | None]) -> dict[str, Lasting]:
    """Stores all of whose gateways, of at least `TOGETHER`, are gone."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name, store in stores.items():
        if store is not None:
            members[store].append(name)
    return {
        store: _cause("store_offline", store, [gone[name] for name in names])
        for store, names in members.items()
        if len(names) >= TOGETHER and all(name in gone for name in names)
    }


def _all_gone(
    causes: Mapping[str, Lasting],
    every: set[str],
    gone: Mapping[str, Lasting],
    stores: Mapping[str, str | None],
) -> Lasting | None:
    """The fleet, where it has several stores and all of its gateways are gone."""
    if len(every) < TOGETHER or len(gone) < len(stores) or not causes:
        return None
    return _cause("all_offline", SERVER, list(gone.values()))


def _cause(kind: Kind, subject: str, of: Iterable[Lasting]) -> Lasting:
    return Lasting(kind, "server" if subject == SERVER else "store", subject, min(one.since_ms for one in of))


def _of_the_offline(lasting: Sequence[Lasting], gone: Mapping[str, Lasting]) -> dict[Key, Key]:
    """Whatever else is wrong with a gateway that is gone."""
    return {
        (one.kind, one.subject): ("offline", one.subject)
        for one in lasting
        if one.subject_kind == "gateway" and one.kind != "offline" and one.subject in gone
    }
