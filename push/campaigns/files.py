"""Campaigns as files: one TOML file for each, named for its id, read with what is wrong, and told apart from another.

The tables of a file are the fields of `push.model.campaigns.Campaign`; a time with its offset stands for UTC ms.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from push.model.campaigns import Campaign

SUFFIX: Final = ".toml"
MOST_BYTES: Final = 512 * 1024
_NEW: Final = "new"


class FileError(Exception):
    """A file that is no campaign: which, and what was expected."""


class Filed(NamedTuple):
    """A campaign as its file has it; `says_live` is whether the file says whether it is live."""

    path: Path
    campaign: Campaign
    says_live: bool


def folder(path: Path) -> list[Filed]:
    """Every campaign of a folder, by id. Raises `FileError`; `OSError`."""
    files = sorted(each for each in path.iterdir() if each.suffix == SUFFIX)
    if not files:
        raise FileError(f"{path}: no file ends in {SUFFIX}: one for each campaign was expected")
    return [_filed(each) for each in files]


def _filed(path: Path) -> Filed:
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise FileError(f"{path}: at most {MOST_BYTES} bytes were expected")
    try:
        told = tomllib.loads(raw.decode())
    except ValueError as error:  # tomllib's and UnicodeDecodeError are of this type
        raise FileError(f"{path}: {error}") from None
    return Filed(path, parse(told, path), "live" in told)


def parse(told: Mapping[str, Any], path: Path) -> Campaign:
    """A campaign out of decoded TOML; its id is the file's name. Raises `FileError`."""
    if told.get("id", path.stem) != path.stem:
        raise FileError(f"{path}: its id is {told['id']!r}: a file is named for its campaign's id")
    try:
        return msgspec.convert({**_plain(told, path), "id": path.stem}, Campaign)
    except msgspec.ValidationError as error:
        raise FileError(f"{path}: {error}; docs/campaigns.md has every field") from None


def _plain(value: Any, path: Path) -> Any:  # noqa: ANN401 - TOML
    """The same with times as UTC ms, as JSON has them. Raises `FileError`."""
    if isinstance(value, Mapping):
        return {name: _plain(one, path) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, path) for one in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return round(value.timestamp() * 1000)
    if isinstance(value, date | time):
        raise FileError(f"{path}: {value} has no offset: 2026-12-24T10:00:00+01:00 was expected")
    return value


# --- what is different ------------------------------------------------------------------------------------------------


def diff(before: Campaign | None, after: Campaign) -> list[str]:
    """What another text changes, a line for each field; of a new campaign, everything that it says."""
    blank = Campaign(id=after.id, name=_NEW, trigger=after.trigger, template=after.template)
    was = _flat(blank if before is None else before)
    now = _flat(after)
    if before is None:
        told = {name for name in now if was.get(name) != now[name] or name.startswith(("trigger.kind", "template."))}
        return [f"+ {name}: {now[name]}" for name in now if name in told and now[name] != "null"]
    return [_line(name, was.get(name), now.get(name)) for name in {**was, **now} if was.get(name) != now.get(name)]


def _line(name: str, was: str | None, now: str | None) -> str:
    if was is None:
        return f"+ {name}: {now}"
    return f"- {name}: {was}" if now is None else f"~ {name}: {was} ▶ {now}"


def _flat(campaign: Campaign) -> dict[str, str]:
    return dict(_leaves("", msgspec.to_builtins(msgspec.structs.replace(campaign, live=True))))


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Each field by its dotted name, its value as JSON; lists of plain values are one."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _leaves(f"{name}.{key}" if name else key, one)
    elif isinstance(value, list | tuple) and any(isinstance(one, dict) for one in value):
        for n, one in enumerate(value):
            yield from _leaves(f"{name}[{n}]", one)
    else:
        yield name, msgspec.json.encode(value).decode()
