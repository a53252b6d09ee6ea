"""What goes down to gateways: acknowledgements of what is durable, and their configuration. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from beacons.topics import topic
from beacons.wire import Ack, seal
from push.ingest.intake import Arrived
from push.ingest.marks import Mark
from push.registry.directory import Directory


def acks(
    arrived: Sequence[Arrived], marks: Mapping[tuple[str, str], Mark], directory: Directory, now_ms: int
) -> Iterator[tuple[str, bytes]]:
    """Topic and payload of one acknowledgement for each boot heard from: what is settled, and what is refused."""
    by_boot: dict[tuple[str, str], list[Arrived]] = {}
    for a in arrived:
        by_boot.setdefault((a.batch.gateway, a.batch.boot), []).append(a)
    for (gateway, boot), group in by_boot.items():
        newest = max(group, key=lambda a: a.batch.sent_boot_ms or 0)
        key = next((k for k in directory.keys.get(gateway, ()) if k.id == newest.key_id), None)
        if key is None:
            continue  # the key was taken out of the registry since: the gateway will send again under its new one
        ack = Ack(
            boot=boot,
            applied=marks.get((gateway, boot), Mark()).ranges(),
            refused=tuple((a.batch.sequence, a.refusal) for a in group if a.columns is None),
            echo_boot_ms=newest.batch.sent_boot_ms,
            received_ms=newest.received_ms,
            sent_ms=now_ms,
        )
        where = topic(newest.topic.store, gateway, "ack")
        yield where, seal(ack, key, "down", where)


def configs(directory: Directory, gateways: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Topic and payload of the configuration of each of these gateways."""
    for gateway in (directory.gateways[name] for name in gateways):
        where = topic(gateway.store, gateway.id, "config")
        yield where, seal(directory.gateway_config(gateway.id), directory.keys[gateway.id][0], "down", where)
