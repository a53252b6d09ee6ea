"""The configuration file of the embedded nats-server, as text.

Its MQTT side needs JetStream, and a NATS client port that we never use: a random one on loopback, behind the same
logins. MQTT topics are NATS subjects with other signs (docs.nats.io/running-a-nats-service/configuration/mqtt). A
gateway needs no permission beyond its topics: seen with clean and persistent sessions, retained messages, last wills.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from push.broker.store import KEY_VARIABLE
from push.broker.users import BrokerUser

_SUBJECT: Final = str.maketrans({"/": ".", "+": "*", "#": ">"})
MAX_FILE_BYTES: Final = 1 << 30
MAX_MEMORY_BYTES: Final = 64 << 20
"""Retained messages and persistent sessions of a few thousand gateways take a tenth of this."""


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
            "authorization { users: [",
            *(_user(user) for user in users),
            "] }",
            "",
        ]
    )


def _tls(listener: Listener) -> str:
    if listener.cert is None or listener.key is None:
        return ""
    clients = "" if listener.client_ca is None else f", ca_file: {_quoted(listener.client_ca)}, verify: true"
    return f", tls {{ cert_file: {_quoted(listener.cert)}, key_file: {_quoted(listener.key)}{clients}, timeout: 5 }}"


def _user(user: BrokerUser) -> str:
    allow = f"publish: {{ allow: {_subjects(user.publish)} }}, subscribe: {{ allow: {_subjects(user.subscribe)} }}"
    return f"  {{ user: {_quoted(user.name)}, password: {_quoted(user.password)}, permissions: {{ {allow} }} }}"


def _subjects(filters: Iterable[str]) -> str:
    return json.dumps([text.translate(_SUBJECT) for text in filters])


def _quoted(value: str | Path) -> str:
    return json.dumps(str(value), ensure_ascii=False)
