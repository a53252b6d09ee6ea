"""Settings: one TOML file, overridden by the environment, typed; an error says path, value and what was expected."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

ENV_PREFIX: Final = "FOOTFALL__"
EXIT_CONFIG: Final = 2
"""Exit status of a start that the configuration stopped."""

Settings = TypeVar("Settings", bound=msgspec.Struct)

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


class ConfigError(ValueError):
    """A setting that stops the start: where it stands, what it is, and what was expected."""

    def __init__(self, source: str, path: str, value: object, expected: str) -> None:
        shown = "missing" if value is _MISSING else f"is {value!r}"
        super().__init__(f"{source}: {path} {shown}; {expected}")


_MISSING: Final = object()


def load(kind: type[Settings], section: str, path: Path | None, env: Mapping[str, str]) -> Settings:
    """The `section` table of the file at `path` (all defaults where None), with overrides from `env`.

    ``FOOTFALL__PUSH__HTTP__PORT=8080`` overrides ``push.http.port``. Raises `ConfigError`.
    """
    tree = _read(path)
    _override(tree, env)
    table = tree.get(section, {})
    source = "environment" if path is None else str(path)
    try:
        return msgspec.convert(table, kind, strict=True)
    except msgspec.ValidationError as error:
        raise explained(error, source, section, tree) from None


def explained(error: msgspec.ValidationError, source: str, section: str, tree: Mapping[str, Any]) -> ConfigError:
    """The same with path and value: what `msgspec.convert` raised for the `section` table of `tree`."""
    what, where = _explain(str(error), section)
    return ConfigError(source, where, _value(tree, where), what)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "expected a readable TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", str(error), "expected valid TOML") from None


def _override(tree: dict[str, Any], env: Mapping[str, str]) -> None:
    for name, text in env.items():
        if not name.startswith(ENV_PREFIX):
            continue
        *parents, leaf = name.removeprefix(ENV_PREFIX).lower().split("__")
        table = tree
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise ConfigError("environment", name, text, f"expected `{parent}` to be a table")
        table[leaf] = _literal(text)


def _literal(text: str) -> Any:  # noqa: ANN401 - a TOML value is any of its types
    """A TOML literal where the text is one (8080, true, ["a"]), the text itself otherwise."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(message: str, section: str) -> tuple[str, str]:
    match = _AT.match(message)
    if match is None:  # pragma: no cover - the pattern matches any text
        return message, section
    path = section + (match["path"] or "$").removeprefix("$")
    what = match["what"]
    field = re.search(r"(?:unknown|missing required) field `([^`]+)`", what)
    if field:
        path = f"{path}.{field[1]}"
        what = "expected no such key" if "unknown" in what else "expected a value, this key is required"
    return what[0].lower() + what[1:], path


def _value(tree: Mapping[str, Any], path: str) -> object:
    value: Any = tree
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return _MISSING
    return value
