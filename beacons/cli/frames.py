"""What does this payload say, what id does that key make: no server is asked."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Final

import click
import msgspec

from beacons import ad, eid
from beacons.frames import Frame, decode, identity

NAMES: Final[Mapping[str, str]] = {
    "ibeacon": "iBeacon",
    "altbeacon": "AltBeacon",
    "uid": "Eddystone-UID",
    "url": "Eddystone-URL",
    "tlm": "Eddystone-TLM",
    "etlm": "Eddystone-TLM, encrypted",
    "eid": "Eddystone-EID",
}


def _hex(_ctx: click.Context, _param: click.Parameter, value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected pairs of hex digits") from None


@click.command("decode")
@click.argument("payload", metavar="HEX", callback=_hex)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, bytes as hex.")
def decode_command(payload: bytes, *, as_json: bool) -> None:
    """Say what HEX, a whole advertising payload (AD structures), carries.

    Exit code 1 where it carries no beacon frame, 2 where HEX is not hex.
    """
    malformed: Counter[str] = Counter()
    manufacturer_data, service_data = ad.split(payload, malformed)
    frame = decode(manufacturer_data, service_data, malformed)
    if frame is None:
        raise click.ClickException(f"no beacon frame found: {_seen(manufacturer_data, service_data, malformed)}")
    fields = described(frame)
    click.echo(json.dumps(fields) if as_json else _readable(fields))


@click.command("eid")
@click.option("--key", callback=_hex, required=True, help="The beacon's identity key, 32 hex digits.")
@click.option("--exponent", type=int, required=True, help="K: an id stands for 2^K s.")
@click.option("--time", "counter_s", type=int, required=True, help="The beacon's counter, s.")
def eid_command(key: bytes, exponent: int, counter_s: int) -> None:
    """Print the Eddystone-EID that a beacon says when its own counter reads --time."""
    try:
        click.echo(eid.compute(key, exponent, counter_s).hex())
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def described(frame: Frame) -> dict[str, str | int | float | None]:
    """A frame's kind and fields, bytes as hex; of one that names its transmitter also `id` and `power_1m_dbm`."""
    fields = {"frame": str(frame.__struct_config__.tag)} | msgspec.structs.asdict(frame)
    if (named := identity(frame)) is not None:
        _, fields["id"], fields["power_1m_dbm"] = named
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def _readable(fields: Mapping[str, str | int | float | None]) -> str:
    rows = [f"  {name:<20}{'-' if value is None else value}" for name, value in fields.items() if name != "frame"]
    return "\n".join([NAMES[str(fields["frame"])], *rows])


def _seen(
    manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes], malformed: Mapping[str, int]
) -> str:
    things = [
        f"manufacturer data of company 0x{key:04x} ({len(data)} bytes)" for key, data in manufacturer_data.items()
    ]
    things += [f"service data of {uuid} ({len(data)} bytes)" for uuid, data in service_data.items()]
    things += [f"malformed: {kind}" for kind in malformed]
    return f"saw {', '.join(things) or 'neither manufacturer nor service data'}"
