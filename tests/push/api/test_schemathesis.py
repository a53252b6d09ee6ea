"""Schemathesis draws calls from the served description, good and bad: no 5xx, and every answer is one that it names."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from push.api.sse import MEDIA
from push.app import ENDPOINTS
from tests.support.people import Person, first_admin
from tests.support.senders import AGREED, DAY_MS, mailbox, sender, sent, soon_ms, to
from tests.support.servers import Caller, Phone

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
EXAMPLES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 3}
"""Calls of each kind and operation: all of them fit into a minute."""


class Tokens:
    """A token for each scope, and ids of what is there."""

    def __init__(self, server: Caller, phone: Phone, sender: str, screen: str, person: Person) -> None:
        self._person = person
        self.by_scope = {
            "operator": server.operator,
            "app": server.app,
            "device": phone.token,
            "sender": sender,
            "screen": screen,
        }
        self.phone = phone
        self.known: dict[str, str] = {}

    def of(self, method: str, path: str) -> Mapping[str, str]:
        """Headers that may make this call: the operator's last, as she may make most."""
        [endpoint] = [e for e in ENDPOINTS if (e.method, e.path) == (method.upper(), path)]
        if not endpoint.scopes:
            return {}
        if endpoint.of_session:
            return self._person.headers
        token = next(token for scope, token in reversed(self.by_scope.items()) if scope in endpoint.scopes)
        return {"Authorization": f"Bearer {token}"}

    def ids(self, path: str, mode: GenerationMode) -> dict[str, str] | None:
        """The device's own; where there is such a thing, and the call is a good one, its id. Else any is drawn."""
        found = {name: self.phone.device for name in re.findall(r"{(\w+)}", path) if name == "device"}
        known = self.known.get(path.split("/")[2])
        if mode is GenerationMode.POSITIVE and known is not None and path.count("{") == 1:
            found |= {"id": known} if "{id}" in path else {}
        return found or None


async def world(server: Caller) -> Tokens:
    """Somebody to write to, and something that was written."""
    phone = await server.phone(location=True, marketing=True, inapp=True)
    screen = await server.operate("POST", "/v1/tokens", {"scope": "screen", "subject": "screen-1"})
    tokens = Tokens(server, phone, await sender(server), screen["token"], await first_admin(server))
    first, _ = await sent(
        server,
        to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS)),
        to(address=mailbox("ann@example.com"), agreed=AGREED, send_at_ms=soon_ms(DAY_MS)),
    )
    hook = await server.operate("POST", "/v1/hooks", {"url": "https://hooks.example/x"})
    tokens.known = {"messages": first["id"], "deliveries": first["delivery"], "hooks": hook["id"]}
    return tokens


def explore(url: str, document: dict[str, Any], tokens: Tokens) -> Counter[int]:
    """Call every operation; how often each status was answered."""
    answered: Counter[int] = Counter()
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        assert not isinstance(found, Err), found
        operation = found.ok()
        if MEDIA in str(operation.definition.raw):
            continue  # an endless answer: tests/push/api/test_stream.py
        for mode in GenerationMode:
            _draw(operation, mode, url, tokens, answered)
    return answered


def _draw(operation: Any, mode: GenerationMode, url: str, tokens: Tokens, answered: Counter[int]) -> None:  # noqa: ANN401 - of a library that names it nowhere
    headers = tokens.of(operation.method, operation.path)
    strategy = operation.as_strategy(mode, path_parameters=tokens.ids(operation.path, mode))

    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        database=None,
        derandomize=True,  # a change is judged by the same calls as the one before
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def call(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=url, headers=dict(headers))
        answered[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    # Nothing about a call without parameters and body can be wrong.
    with contextlib.suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
        call()


@pytest.mark.filterwarnings(  # schemathesis draws with `random` now and then, which Hypothesis would rather not see
    "ignore::hypothesis.errors.HypothesisDeprecationWarning"
)
async def test_no_call_fails_and_every_answer_is_one_that_the_description_names(server: Caller) -> None:
    tokens = await world(server)
    document = (await server.call("GET", "/openapi.json")).json
    del document["security"]  # each call carries what it takes; what happens without is tested elsewhere
    for operation in (one for path in document["paths"].values() for one in path.values()):
        operation.pop("security", None)
    answered = await asyncio.to_thread(explore, server.running.http_url, document, tokens)
    assert answered.keys() >= {200, 202, 204, 400, 404}, answered
