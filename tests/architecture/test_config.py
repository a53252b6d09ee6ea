"""config.toml is complete and true: both programs read it, it says what the defaults are, and leaves nothing out."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from beacons.config import load
from gateway.settings import GatewaySettings, read_settings
from push.settings import PushSettings

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config.toml"
TEXT = CONFIG.read_text()


def tables(kind: type[msgspec.Struct], path: str) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """A settings type and those inside it, by the table in which their settings stand."""
    yield path, kind
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from tables(field.type, f"{path}.{field.name}")


EVERY_TABLE = [*tables(GatewaySettings, "gateway"), *tables(PushSettings, "push")]


def settings_of(kind: type[msgspec.Struct]) -> list[str]:
    return [
        field.name
        for field in msgspec.structs.fields(kind)
        if not (isinstance(field.type, type) and issubclass(field.type, msgspec.Struct))
    ]


def table_text(path: str) -> str:
    """What stands in config.toml between a table's head and the next."""
    found = re.search(rf"^\[{re.escape(path)}\]$(.*?)(?=^\[|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None, f"config.toml has no table [{path}]"
    return found[1]


def test_the_server_reads_it_and_it_says_what_the_defaults_are() -> None:
    assert load(PushSettings, "push", CONFIG, {}) == PushSettings()


def test_a_gateway_reads_it_and_it_says_what_the_defaults_are() -> None:
    read = read_settings(CONFIG, {})
    assert read == GatewaySettings(id=read.id, store=read.store, secret_file=read.secret_file)


@pytest.mark.parametrize(("path", "kind"), EVERY_TABLE, ids=[path for path, _ in EVERY_TABLE])
def test_every_setting_stands_in_it_once_and_none_that_there_is_not(path: str, kind: type[msgspec.Struct]) -> None:
    """A setting without a default of its own stands there as an example, commented out."""
    found = re.findall(r"^(?:# )?(\w+) = ", table_text(path), re.MULTILINE)
    assert sorted(found) == sorted(settings_of(kind))


@pytest.mark.parametrize(("path", "kind"), EVERY_TABLE, ids=[path for path, _ in EVERY_TABLE])
def test_what_is_commented_out_would_be_taken(path: str, kind: type[msgspec.Struct], tmp_path: Path) -> None:
    examples = re.findall(r"^# (\w+ = .*)$", table_text(path), re.MULTILINE)
    required = 'id = "g"\nstore = "s"\nsecret_file = "f"\n' if kind is GatewaySettings else ""
    head = '[gateway]\nid = "g"\nstore = "s"\nsecret_file = "f"\n' if path.startswith("gateway.") else ""
    copy = tmp_path / "config.toml"
    copy.write_text(f"{head}[{path}]\n{required}" + "\n".join(examples))
    section = path.partition(".")[0]
    load(GatewaySettings if section == "gateway" else PushSettings, section, copy, {})


def test_every_table_explains_itself() -> None:
    bare = [
        f"[{path}] {line}"
        for path, _ in EVERY_TABLE
        for before, line in _settings_with_line_before(table_text(path))
        if not before.startswith("#") and not re.match(r"\w+ = ", before)
    ]
    assert bare == []


def _settings_with_line_before(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines()
    for before, line in pairwise(lines):
        if re.match(r"\w+ = ", line):
            yield before, line
