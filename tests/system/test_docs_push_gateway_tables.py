"""The tables of docs/push-gateway.md say what the code does: channels are asked, calls and reasons are collected."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, get_args

import msgspec
import pytest

from push.api import (
    addresses,
    credentials,
    events,
    hooks,
    idempotency,
    insight,
    sending,
    suppressions,
    tokens,
    tracking,
)
from push.api.contract import Endpoint
from push.api.openapi import problems
from push.api.server import MAX_BODY_BYTES
from push.campaigns.routes import ORDER, Policy
from push.channels import apns_payload, fcm_payload, mail, webhook_payload, webpush
from push.channels.apns_payload import Form as ApnsForm
from push.channels.fcm_payload import Form as FcmForm
from push.channels.fcm_wire import Notification
from push.channels.inapp import MAX_STREAMS, EventStreams, InAppChannel
from push.channels.screen import ScreenChannel
from push.deliver.asked import AT_ONCE, LONGEST_S, AddressIn, Agreed, MessageIn, Refusal, To
from push.deliver.hooks import MOST_HOOKS
from push.deliver.sender import SenderSettings
from push.deliver.told import ToldKind
from push.model.delivery import NEXT, Action, Content, Message, Outgoing, Part, State
from push.model.errors import TooLargeError

pytestmark = pytest.mark.system

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "push-gateway.md").read_text()
MODULES: Final = (sending, tracking, suppressions, credentials, hooks, tokens, addresses)
ENDPOINTS: Final = (
    *(endpoint for module in MODULES for endpoint in module.ENDPOINTS),
    *(endpoint for endpoint in insight.ENDPOINTS if endpoint.path == "/v1/deliveries/{id}"),
    events.ENDPOINT,
)
PROSE: Final = re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)
REASON: Final = re.compile(r"[a-z]+(_[a-z0-9]+)*")
NOTHING: Final = "\N{EN DASH}"
EVERYWHERE: Final = frozenset({400, 401, 403, 408, 413, 503})
PARTS: Final[tuple[Part, ...]] = (
    "text", "url", "image", "actions", "data", "locale", "urgency", "collapse_key",
)  # fmt: skip


def table(name: str) -> list[list[str]]:
    """The rows of a table below a comment that names it, cell by cell, without its head."""
    found = re.search(rf"<!-- table: {name} -->\n((?:\|.*\n)+)", GUIDE)
    assert found is not None, name
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()[2:]]


def named(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


# --- what channels carry ----------------------------------------------------------------------------------------------

TEMPLATE: Final = {"To": "{to}", "Body": "{title} {body} {url}"}


def outgoing(content: Content, address: Mapping[str, object]) -> Outgoing:
    message = Message(
        id="msg_1", shopper="ada", campaign="", content=content, created_ms=0, expires_ms=60_000, collapse_key="key",
        urgency="high",
    )  # fmt: skip
    return Outgoing(delivery="dlv_1", device="dev_1", message=message, address=dict(address), now_ms=0)


def full(base: str, data: str = "42") -> Content:
    return Content(
        title="Title", body="Body", url=f"{base}/offer", image=f"{base}/picture.png",
        actions=(Action(title="Go", url=f"{base}/go"),), data={"order": data}, locale="de",
    )  # fmt: skip


def _webpush(content: Content) -> tuple[Part, ...]:
    webpush.payload(outgoing(content, {}))
    return ()


def _webhook(template: dict[str, object] | None) -> Callable[[Content], tuple[Part, ...]]:
    def fit(content: Content) -> tuple[Part, ...]:
        webhook_payload.payload(outgoing(content, {"to": "ada"}), template, "json")
        return webhook_payload.dropped(content, template)

    return fit


SCREEN: Final = ScreenChannel.__new__(ScreenChannel)
"""Without screens: only asked what it carries."""
FITS: Final[dict[str, Callable[[Content], tuple[Part, ...]]]] = {
    "Web Push, UnifiedPush": _webpush,
    "event stream": lambda content: InAppChannel(EventStreams()).fit(outgoing(content, {})),
    "FCM, private": lambda content: FcmForm(Notification("?", "?"), b"").fit(outgoing(content, {"token": "a:b"})),
    "FCM": lambda content: FcmForm(None, b"").fit(outgoing(content, {"token": "a:b"})),
    "APNs, private": lambda content: ApnsForm("app", apns_payload.Alert("?", "?"), b"").fit(outgoing(content, {})),
    "APNs": lambda content: ApnsForm("app", None, b"").fit(outgoing(content, {})),
    "e-mail": mail.dropped,
    "webhook": _webhook(None),
    "webhook, template": _webhook(dict(TEMPLATE)),
    "screen": lambda content: ScreenChannel.fit(SCREEN, outgoing(content, {})),
}


def test_the_table_has_every_channel() -> None:
    assert [row[0] for row in table("carried")] == list(FITS)


@pytest.mark.parametrize("row", table("carried"), ids=lambda row: str(row[0]))
def test_each_channel_drops_what_the_table_says(row: list[str]) -> None:
    cells = dict(zip(PARTS, row[1:9], strict=True))
    never = {part for part, cell in cells.items() if cell == NOTHING}
    assert set(cells.values()) <= {"yes", NOTHING, "https"}
    assert set(FITS[row[0]](full("https://shop.example"))) == never
    within_the_app = {part for part, cell in cells.items() if cell == "https"}
    assert set(FITS[row[0]](full(""))) == never | within_the_app


@pytest.mark.parametrize("row", table("carried"), ids=lambda row: str(row[0]))
def test_each_channel_is_as_large_as_the_table_says(row: list[str]) -> None:
    most = re.match(r"(\d+) of", row[9])
    large = full("https://shop.example", data="x" * 70_000)
    large = msgspec.structs.replace(large, url=f"https://shop.example/{'x' * 70_000}")
    if most is None:
        FITS[row[0]](large)
        return
    with pytest.raises(TooLargeError) as refused:
        FITS[row[0]](large)
    assert refused.value.most_bytes == int(most[1])


def test_what_fcm_and_apns_count_is_what_they_allow() -> None:
    assert fcm_payload.MAX_PAYLOAD == apns_payload.MAX_PAYLOAD == 4096


# --- what is said and what becomes of it ------------------------------------------------------------------------------


def test_the_states_are_those_of_the_code_and_lead_where_it_lets_them() -> None:
    rows = {named(row[0])[0]: set(named(row[2])) for row in table("states")}
    assert rows == {state.value: {after.value for after in NEXT[state]} for state in State}


def test_the_diagram_is_drawn_from_the_same_table() -> None:
    found = re.search(r"<!-- diagram: states -->\n```mermaid\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", found[1], re.MULTILINE)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {(before.value, after.value) for before, later in NEXT.items() for after in later}


@pytest.mark.parametrize("kind", [MessageIn, Content, Action, To, AddressIn, Agreed, Policy])
def test_every_field_of_a_message_is_explained(kind: type[msgspec.Struct]) -> None:
    told = {name for each in named(PROSE) for name in re.findall(r"\w+", each)}
    assert [name for name in kind.__struct_fields__ if name not in told] == []


def test_every_refusal_and_event_is_explained_and_channels_come_in_their_order() -> None:
    assert [reason for reason in (*get_args(Refusal), *get_args(ToldKind)) if f"`{reason}`" not in GUIDE] == []
    assert ", ".join(f"`{channel}`" for channel in ORDER) in GUIDE


def _reasons(path: Path) -> Iterator[str]:
    """What stands as the reason of an error that is made, or in a module's table of reasons."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and _makes_error(node.func):
            yield from _texts(node.args[0])
        elif isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Dict):
            name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            if name in {"_REASONS", "_LOST", "_CREDENTIAL"}:
                yield from (text for value in node.value.values for text in _texts(value))


def _makes_error(function: ast.expr) -> bool:
    text = ast.unparse(function)
    return text == "failure" or "Error" in text


def _texts(node: ast.expr) -> list[str]:
    return [c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)]


def test_every_outcome_of_an_attempt_is_explained() -> None:
    told = {name for row in table("outcomes") for name in named(row[0] + row[1])}
    paths = [*(ROOT / "push" / "channels").glob("*.py"), ROOT / "push" / "deliver" / "attempts.py"]
    found = {reason for path in paths for reason in _reasons(path) if REASON.fullmatch(reason) and "_" in reason}
    assert {reason for reason in found if not reason.startswith("oauth_")} - told == set()
    known = found | {"closed", "forbidden", "unauthenticated", "unregistered", "oauth_…"}
    known |= {"consent_withdrawn", "snoozed", "suppressed", "taken_back", "device_unknown"}  # looked at before sending
    assert {name for row in table("outcomes") for name in named(row[0])} - known == set()


# --- calls and problems -----------------------------------------------------------------------------------------------


def _row(endpoint: Endpoint) -> list[str]:
    own = sorted(set(problems(endpoint)) - EVERYWHERE)
    call, scopes = f"`{endpoint.method} {endpoint.path}`", ", ".join(sorted(endpoint.scopes))
    return [call, scopes, ", ".join(map(str, own)) or NOTHING]


def test_every_call_stands_there_with_its_token_and_its_problems() -> None:
    assert sorted(table("calls")) == sorted(map(_row, ENDPOINTS))


def test_every_problem_that_these_calls_make_is_explained() -> None:
    titles: defaultdict[str, set[str]] = defaultdict(set)
    for status, listed, _ in table("problems"):
        titles[status] |= set(listed.split(", "))
    assert {str(status) for endpoint in ENDPOINTS for status in problems(endpoint)} <= set(titles)
    rooms = [ROOT / "push" / "api" / f"{m.__name__.rpartition('.')[2]}.py" for m in (*MODULES, events)]
    shared = [ROOT / "push" / "api" / f"{name}.py" for name in ("server", "idempotency", "bodies", "contract")]
    made = {found for path in (*rooms, *shared) for found in _problems(path)}
    assert {(status, title) for status, title in made if title not in titles[status]} == set()


def _problems(path: Path) -> Iterator[tuple[str, str]]:
    """Status and title of every problem that is made."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"ProblemError", "problem"}:
            match node.args:
                case [ast.Constant(value=int(status)), ast.Constant(value=str(title)), *_] if title != "Gone":
                    yield str(status), title


def test_limits_are_those_of_the_code() -> None:
    limits = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", GUIDE, re.MULTILINE))
    assert limits["hooks"] == str(MOST_HOOKS)
    assert limits["messages in a call, bytes in a body"] == f"{AT_ONCE:,}; {MAX_BODY_BYTES >> 20} MB"
    sender = SenderSettings()
    assert limits["messages that wait"].startswith(f"{sender.most_queued:,} ")
    on_their_way = re.findall(r"\d+", limits["messages on their way at once"])
    assert list(map(int, on_their_way)) == [sender.in_flight, sender.gate.widest]
    days = LONGEST_S // 86_400, sending.AHEAD_MS // 86_400_000
    assert limits["lifetime, schedule"] == f"5 s to {days[0]} days; up to {days[1]} days ahead"
    assert limits["answers kept for an `Idempotency-Key`"] == f"{idempotency.KEPT_MS // 3_600_000} hours"
    assert limits["event streams"] == f"{events.MOST_STREAMS} of events, {MAX_STREAMS} of one device"
    assert limits["a page of a list"] == f"{insight.MOST:,}"
