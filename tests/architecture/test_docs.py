"""The documents say what the code does: the wire contract's example is executed, every command is explained."""

import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from beacons.wire import (
    Ack,
    Batch,
    GatewayConfig,
    Key,
    MachineStatus,
    RadioStatus,
    SightingColumns,
    SpoolStatus,
    Status,
    broker_password,
    key_of,
    open_sealed,
    seal,
)

ROOT = Path(__file__).parents[2]
CONTRACT = (ROOT / "docs" / "wire-contract.md").read_text()
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
DOCS = "\n".join(path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])

SIGHTINGS = "footfall/v1/store-1/gateway-1/sightings"
ACK = "footfall/v1/store-1/gateway-1/ack"


def example(name: str) -> str:
    block = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```", CONTRACT, re.DOTALL)
    assert block is not None, f"docs/wire-contract.md has no example {name!r}"
    return block[1]


@pytest.fixture
def key() -> Key:
    return key_of(bytes.fromhex(example("secret")))


@pytest.fixture
def batch() -> Batch:
    told = json.loads(example("batch"))
    columns = {name: bytes.fromhex(value) for name, value in told.pop("sightings").items()}
    return msgspec.convert({**told, "sightings": SightingColumns(**columns)}, Batch)


def test_the_examples_payload_opens_to_the_batch_that_it_shows(key: Key, batch: Batch) -> None:
    payload = bytes.fromhex(example("payload").replace("\n", ""))
    assert open_sealed(payload, {key.id: key.secret}, "up", SIGHTINGS, Batch) == batch
    assert seal(batch, key, "up", SIGHTINGS) == payload


def test_the_examples_ack_opens_to_the_body_that_it_shows(key: Key) -> None:
    ack = open_sealed(example("ack").encode(), {key.id: key.secret}, "down", ACK, Ack)
    assert ack == msgspec.json.decode(example("ack body"), type=Ack)


def test_the_examples_key_id_and_password_derive_from_its_secret(key: Key) -> None:
    assert f"`{key.id}`" in CONTRACT
    assert f"`{broker_password(key.secret)}`" in CONTRACT


@pytest.mark.parametrize(
    "body", [Batch, SightingColumns, Ack, Status, RadioStatus, SpoolStatus, MachineStatus, GatewayConfig]
)
def test_every_field_on_the_wire_is_explained(body: type[msgspec.Struct]) -> None:
    assert [name for name in body.__struct_fields__ if f"`{name}`" not in CONTRACT] == []


def commands(name: str, command: click.Command) -> Iterator[str]:
    """A group's commands, as they are typed; hidden ones are nobody's business."""
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        sub = command.get_command(context, child)
        if sub is not None and not sub.hidden:
            yield from commands(f"{name} {child}", sub)


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_command_is_explained(script: str) -> None:
    module, attribute = SCRIPTS[script].split(":")
    group = getattr(importlib.import_module(module), attribute)
    assert [command for command in commands(script, group) if command not in DOCS] == []
