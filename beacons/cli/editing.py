"""One thing at a time: read with its revision, changed where asked, written only while that revision stands.

Options change what they name and leave the rest. A file replaces everything: one that `show --json` printed is written
only while nobody changed the record since; one without `revision` whatever stands.
"""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from beacons.cli import show
from beacons.cli.api import ABSENT, Api, ProblemError
from beacons.cli.errors import CommandError, RefusedError
from beacons.cli.show import Times

STALE: Final = 412
file_option = click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    help='The whole record as JSON, as `show --json` prints it; "-": stdin.',
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


class Thing(NamedTuple):
    """A record of the registry: what it is called, where it is, and how to see it."""

    word: str
    name: str
    path: str
    seen_by: str
    store: str | None = None
    is_wrapped: bool = False
    """Whether it travels beside its secret, as ``{"gateway": …}``."""


class Record(NamedTuple):
    """What stands: its fields, and the whole answer."""

    item: dict[str, Any]
    told: dict[str, Any]
    tag: str


def read(api: Api, thing: Thing) -> Record | None:
    """What stands, None where there is none."""
    try:
        answer = api.get(thing.path)
    except ProblemError as error:
        if error.problem.status == ABSENT:
            return None
        raise
    told = answer.json
    return Record(told[thing.word], told, answer.headers["ETag"])


def need(api: Api, thing: Thing) -> Record:
    """What stands. Raises `RefusedError` where there is none."""
    found = read(api, thing)
    if found is None:
        raise RefusedError(f"There is no {thing.word} {thing.name}.", f"Next: footfall-beacons {_list_of(thing)}")
    return found


def _list_of(thing: Thing) -> str:
    return "list" if thing.word == "beacon" else f"{thing.word}s list"


def put(
    api: Api,
    thing: Thing,
    changes: Mapping[str, object],
    *,
    needs: Mapping[str, str] | None = None,
    beside: Mapping[str, object] | None = None,
) -> Any:  # noqa: ANN401 - JSON
    """Change what `changes` names of a record, or make it; the server's answer.

    A new one `needs` these fields, each told by an option; `beside` travels with a wrapped one. Raises `CommandError`.
    """
    before = read(api, thing)
    missing = [option for field, option in (needs or {}).items() if field not in changes]
    if before is None and missing:
        raise CommandError(f"There is no {thing.word} {thing.name} so far: a new one needs {' and '.join(missing)}.")
    item = {**({} if before is None else before.item), **changes}
    condition = {"If-None-Match": "*"} if before is None else {"If-Match": before.tag}
    return _written(api, thing, item, condition, beside or {})


def put_file(api: Api, thing: Thing, file: Path, beside: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Write the record in a file, while what it was made from still stands; the server's answer."""
    told = read_file(file)
    item = told.get(thing.word, told)
    if not isinstance(item, dict):
        raise CommandError(f"{file}: expected `{thing.word}` to be an object.")
    revision = told.get("revision") if item is not told else None
    condition = {"If-Match": f'"{revision}"'} if isinstance(revision, int) else {}
    return _written(api, thing, item, condition, beside or {})


def _written(
    api: Api, thing: Thing, item: Mapping[str, object], condition: Mapping[str, str], beside: Mapping[str, object]
) -> Any:  # noqa: ANN401 - JSON
    body = {thing.word: item, **beside} if thing.is_wrapped else item
    try:
        return api.call("PUT", thing.path, body, headers=condition).json
    except ProblemError as error:
        raise _explained(api, error, thing) from None


def _explained(api: Api, error: ProblemError, thing: Thing) -> RefusedError:
    """Who was faster, and when, where somebody was."""
    if error.problem.status != STALE:
        return error
    now = read(api, thing)
    if now is None:
        return RefusedError(f"{thing.word.capitalize()} {thing.name} was deleted meanwhile.", "Nothing was written.")
    by, at = now.told["changed_by"] or "somebody", Times(api).at(now.told["changed_ms"], thing.store)
    return RefusedError(
        f"{by} changed {thing.word} {thing.name} meanwhile, at {at}: it has revision {now.told['revision']} now.",
        f"Nothing was written. Next: {thing.seen_by}, and decide anew.",
    )


def read_file(file: Path) -> dict[str, Any]:
    """A file's JSON object. Raises `CommandError`."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return msgspec.json.decode(raw, type=dict[str, Any])
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from None
    except msgspec.MsgspecError as error:
        raise CommandError(f"{file}: {error}.", "Expected one JSON object.") from None


def delete(api: Api, thing: Thing, *, yes: bool) -> None:
    """Delete a record as it stands, once whoever sits there has said so."""
    found = need(api, thing)
    confirm(f"Delete {thing.word} {show.plain(thing.name)}?", yes=yes)
    try:
        api.call("DELETE", thing.path, headers={"If-Match": found.tag})
    except ProblemError as error:
        raise _explained(api, error, thing) from None


def confirm(question: str, *, yes: bool) -> None:
    """Go on only where somebody says yes. Raises `CommandError` where nobody can be asked, `click.Abort`."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{question} Nobody is there to answer.", "Next: say --yes.")
    if not click.confirm(question, err=True):
        raise click.Abort


def show_record(
    api: Api, thing: Thing, *, as_json: bool, hidden: Collection[str] = (), more: Mapping[str, object] | None = None
) -> None:
    """Print a record with who changed it last, and `more`; people are not shown what is `hidden`, nor what is empty."""
    found = need(api, thing)
    if as_json:
        show.document(found.told)
        return
    at = Times(api).at(found.told.get("changed_ms") or None, thing.store)
    who = found.told.get("changed_by") or ""
    known = {k: v for k, v in found.item.items() if v not in (None, "", []) and k not in hidden}
    changed = f"{at} by {who}" if who else at
    show.fields({**known, "revision": found.told.get("revision"), "changed": changed, **(more or {})})


def told(answer: Any, thing: Thing, *, as_json: bool) -> None:  # noqa: ANN401 - JSON
    """Print what was written, and what to think about."""
    if as_json:
        show.document(answer)
        return
    show.say(f"{thing.word.capitalize()} {thing.name} is registered so.")
    for warning in answer.get("warnings", ()):
        show.say(f"Mind: {warning}")
