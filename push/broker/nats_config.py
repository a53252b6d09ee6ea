"""The configuration file of the embedded nats-server, as text.

Its MQTT side needs JetStream, and a NATS client port that we never use: a random one on loopback, behind the same
logins. MQTT topics are NATS subjects with other signs (docs.nats.io/running-a-nats-service/configuration/mqtt). A
gateway needs no permission beyond its topics: seen with clean and persistent sessions, retained messages, last wills.

Logins that stand apart have an account of their own, whose store is small. What they publish is handed over to the
others as it comes; what they retain stays with them, and once that room is full the broker retains no more of theirs.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from push.broker.store import KEY_VARIABLE
from push.broker.users import BrokerUser

_OURS, _APART = "FOOTFALL", "APART"
_SUBJECT: Final = str.maketrans({"/": ".", "+": "*", "#": ">"})
MAX_FILE_BYTES: Final = 1 << 30
MAX_MEMORY_BYTES: Final = 64 << 20
"""Retained messages and persistent sessions of a few thousand gateways take a tenth of this."""
APART_FILE_BYTES: Final = 4 << 20
APART_MEMORY_BYTES: Final = 4 << 20
"""Of these, for all logins that stand apart: sessions of thousands of boxes, and little of what they retain."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Where MQTT is spoken; with `cert` and `key` (PEM files), TLS only.

    With `client_ca` (PEM) only to clients whose certificate it signed; logins are asked for all the same.
    """

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None


def render(folder: Path, store: Path, listener: Listener, users: Iterable[BrokerUser]) -> str:
    """The file's text: what lasts goes encrypted into `store`, MQTT on `listener`, `users` and nobody else."""
    return "\n".join(
        [
            'server_name: "footfall"',
            'listen: "127.0.0.1:-1"',
            f"pid_file: {_quoted(folder / 'nats.pid')}",
            f"jetstream {{ store_dir: {_quoted(store)}, cipher: chachapoly, key: ${KEY_VARIABLE}",
            f"  max_file_store: {MAX_FILE_BYTES}, max_memory_store: {MAX_MEMORY_BYTES} }}",
            f"mqtt {{ host: {_quoted(listener.host)}, port: {listener.port}{_tls(listener)} }}",
            "accounts {",
            *_accounts(tuple(users)),
            "}",
            "",
        ]
    )


def _accounts(users: Sequence[BrokerUser]) -> list[str]:
    """Those who stand apart in one account, everybody else in the other, which gets what the one says."""
    ours, theirs = [user for user in users if not user.apart], [user for user in users if user.apart]
    subjects = sorted({subject for user in theirs for subject in _translated(user.publish)})
    exported = ", ".join(f"{{ stream: {_quoted(subject)} }}" for subject in subjects)
    imported = ", ".join(f"{{ stream: {{ account: {_APART}, subject: {_quoted(subject)} }} }}" for subject in subjects)
    files, memory = MAX_FILE_BYTES - APART_FILE_BYTES, MAX_MEMORY_BYTES - APART_MEMORY_BYTES
    return [
        *_account(_OURS, f"max_file: {files}, max_mem: {memory}", ours),
        f"    imports: [{imported}] }}",
        *_account(_APART, f"max_file: {APART_FILE_BYTES}, max_mem: {APART_MEMORY_BYTES}", theirs),
        f"    exports: [{exported}] }}",
    ]


def _account(name: str, room: str, users: Iterable[BrokerUser]) -> list[str]:
    return [f"  {name}: {{ jetstream: {{ {room} }}, users: [", *(_user(user) for user in users), "    ]"]


def _tls(listener: Listener) -> str:
    if listener.cert is None or listener.key is None:
        return ""
    clients = "" if listener.client_ca is None else f", ca_file: {_quoted(listener.client_ca)}, verify: true"
    return f", tls {{ cert_file: {_quoted(listener.cert)}, key_file: {_quoted(listener.key)}{clients}, timeout: 5 }}"


def _user(user: BrokerUser) -> str:
    allow = f"publish: {{ allow: {_subjects(user.publish)} }}, subscribe: {{ allow: {_subjects(user.subscribe)} }}"
    return f"  {{ user: {_quoted(user.name)}, password: {_quoted(user.password)}, permissions: {{ {allow} }} }}"


def _subjects(filters: Iterable[str]) -> str:
    return json.dumps(_translated(filters))


def _translated(filters: Iterable[str]) -> list[str]:
    return [text.translate(_SUBJECT) for text in filters]


def _quoted(value: str | Path) -> str:
    return json.dumps(str(value), ensure_ascii=False)
