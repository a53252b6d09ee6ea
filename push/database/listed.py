"""The lists that there are: what each can be filtered and sorted by, and what its indexes are for."""

from typing import Final

from push.database.lists import Driver, List

_STORES: Final = "t.store IN (SELECT value FROM {json_each}(:stores{as_json}))"
_TEXT: Final = "TEXT"
_SEARCHED: Final = (
    "((t.id{c} >= :q AND t.id{c} < :q_end) OR (t.name_key{c} >= :q_folded AND t.name_key{c} < :q_folded_end))"
)
"""By what an id or a name begins with; names without regard to capitals."""
_NAME: Final = "t.name_key{c}"
_SIGNED: Final = ("revision", "changed_ms", "changed_by")


def _equal(column: str, name: str = "") -> str:
    return f"t.{column} = :{name or column}"


STORES: Final = List(
    name="stores",
    table="stores",
    columns=(
        *("id", "name", "time_zone", "allow_static_tags", "address", "latitude", "longitude", "opening", "holidays"),
        *("days", "group_id", "labels", "name_key", *_SIGNED),
    ),
    filters={
        "stores": (_TEXT, "t.id IN (SELECT value FROM {json_each}(:stores{as_json}))"),
        "group": (_TEXT, _equal("group_id", "group")),
        "label": (_TEXT, "t.id IN (SELECT l.item FROM store_labels l WHERE l.label = :label)"),
        "q": (_TEXT, _SEARCHED),
    },
    drivers={"all": Driver("1 = 1", ("id", "name"))},
    sorts={"id": "t.id", "name": "t.name_key", "group": "COALESCE(t.group_id, '')"},
    orders={"name": _NAME},
)
GATEWAYS: Final = List(
    name="gateways",
    table="gateways",
    columns=(
        *("id", "store", "zone", "x_m", "y_m", "z_m", "radio_offset_db", "name", "group_id", "labels", "name_key"),
        *_SIGNED,
    ),
    filters={
        "stores": (_TEXT, _STORES),
        "store": (_TEXT, _equal("store")),
        "zone": (_TEXT, _equal("zone")),
        "group": (_TEXT, _equal("group_id", "group")),
        "label": (_TEXT, "EXISTS (SELECT 1 FROM gateway_labels l WHERE l.label = :label AND l.item = t.id)"),
        "q": (_TEXT, _SEARCHED),
    },
    drivers={
        "all": Driver("1 = 1", ("id", "name")),
        "store": Driver(_equal("store")),
        "stores": Driver(_STORES, ()),
        "group": Driver(_equal("group_id", "group")),
        "label": Driver(
            "t.id = l.item AND l.label = :label", source="gateway_labels l CROSS JOIN gateways t", key="l.item"
        ),
        "q": Driver(_SEARCHED, ()),
    },
    sorts={
        "id": "t.id",
        "name": "t.name_key",
        "store": "t.store",
        "group": "COALESCE(t.group_id, '')",
    },
    orders={"name": _NAME},
)
BEACONS: Final = List(
    name="beacons",
    table="beacons",
    columns=(
        *("id", "role", "format", "static_id", "exponent", "counter_s", "counter_at_ms", "store", "zone", "x_m", "y_m"),
        *("shopper", "staff", "power_1m_dbm", "name", "model", "firmware", "battery", "group_id", "labels"),
        *("name_key", *_SIGNED),
    ),
    filters={
        "stores": (_TEXT, _STORES),
        "store": (_TEXT, _equal("store")),
        "zone": (_TEXT, _equal("zone")),
        "role": (_TEXT, _equal("role")),
        "format": (_TEXT, _equal("format")),
        "group": (_TEXT, _equal("group_id", "group")),
        "staff": ("INTEGER", _equal("staff")),
        "label": (_TEXT, "EXISTS (SELECT 1 FROM beacon_labels l WHERE l.label = :label AND l.item = t.id)"),
        "q": (_TEXT, _SEARCHED),
    },
    drivers={
        "all": Driver("1 = 1", ("id", "name")),
        "store": Driver(_equal("store")),
        "stores": Driver(_STORES, ()),
        "role": Driver(_equal("role")),
        "format": Driver(_equal("format")),
        "group": Driver(_equal("group_id", "group")),
        "staff": Driver("t.staff = 1"),
        "label": Driver(
            "t.id = l.item AND l.label = :label", source="beacon_labels l CROSS JOIN beacons t", key="l.item"
        ),
        "q": Driver(_SEARCHED, ()),
    },
    sorts={
        "id": "t.id",
        "name": "t.name_key",
        "store": "COALESCE(t.store, '')",
        "role": "t.role",
        "format": "t.format",
        "group": "COALESCE(t.group_id, '')",
        "model": "t.model",
        "firmware": "t.firmware",
        "battery": "t.battery",
    },
    orders={"name": _NAME},
)
AUDIT: Final = List(
    name="audit",
    table="audit",
    columns=("id", "at_ms", "actor", "action", "subject", "store", "before_json", "after_json"),
    filters={
        "stores": (_TEXT, _STORES),
        "store": (_TEXT, _equal("store")),
        "actor": (_TEXT, _equal("actor")),
        "action": (_TEXT, _equal("action")),
        "subject": (_TEXT, _equal("subject")),
    },
    drivers={
        "all": Driver("1 = 1", ("time",)),
        "store": Driver(_equal("store"), ("time",)),
        "actor": Driver(_equal("actor"), ("time",)),
        "action": Driver(_equal("action"), ("time",)),
        "subject": Driver(_equal("subject"), ("time",)),
    },
    orders={"time": "t.at_ms"},
)
LISTS: Final = (STORES, GATEWAYS, BEACONS, AUDIT)
