"""How each problem is provoked that one endpoint documents beyond those of all its kind: a line each in `PARTICULAR`.

Whoever documents a status adds a line; `tests/push/api/test_documented_errors.py` says which one is missing.
"""

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from PIL import Image

from push.access.limits import LOGIN, LOOPBACK
from push.api import floors
from push.api.contract import Endpoint
from push.deliver.hooks import MOST_HOOKS
from push.model.ids import fresh
from tests.support.box import quiet_port
from tests.support.mails import credential
from tests.support.provoked_campaigns import CAMPAIGNS
from tests.support.provoked_goods import GOODS
from tests.support.provoked_segments import SEGMENTS
from tests.support.provoking import MOST_QUEUED, NOTHING, PROOFS, Provoke, Stage, execute, plainly
from tests.support.senders import DAY_MS, post, sent, soon_ms, to
from tests.support.servers import DEADLINE_S, FIXTURE, STORE, Answer


def from_a_gone_device(body: object = None) -> Provoke:
    """Call with the token of a device that somebody took out of the database."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        phone = await on.server.phone()
        await asyncio.to_thread(execute, on.database, f"DELETE FROM devices WHERE id = '{phone.device}'")  # noqa: S608 - our own
        return await on.call(endpoint, body, phone.token, device=phone.device)

    return provoke


def _later(on: Stage) -> dict[str, Any]:
    return to(shopper=on.phone.shopper, send_at_ms=soon_ms(DAY_MS))


async def waiting(on: Stage, endpoint: Endpoint) -> Answer:
    """Of a delivery that waits for tomorrow."""
    [verdict] = await sent(on.server, _later(on))
    return await on.call(endpoint, id=verdict["delivery"])


async def taken_back(on: Stage, endpoint: Endpoint) -> Answer:
    """Of a message that was taken back, whether the path names it or its delivery."""
    [verdict] = await sent(on.server, _later(on))
    assert (await on.server.call("DELETE", f"/v1/messages/{verdict['id']}", on.server.operator)).status == 204
    return await on.call(endpoint, id=verdict["id"], delivery=verdict["delivery"])


async def answered_before(on: Stage, endpoint: Endpoint) -> Answer:
    """Answer a request that was answered."""
    asked = {"kind": "access", "person": on.phone.shopper}
    made = await on.server.operate("POST", "/v1/requests", asked)
    await on.server.operate("POST", f"/v1/requests/{made['id']}/steps", {"action": "done"})
    return await on.call(endpoint, {"action": "done"}, id=made["id"])


async def twice_at_once(on: Stage, endpoint: Endpoint) -> Answer:
    """While another process keeps the first call from being written."""
    del endpoint
    message = _later(on)
    async with _locked(on.database):
        calls = {asyncio.create_task(post(on.server, message, key="at-once")) for _ in range(2)}
        done, late = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S)
    assert {answer.status for answer in await asyncio.gather(*late)} == {202}
    return done.pop().result()


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    connection = await asyncio.to_thread(sqlite3.connect, path, isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        yield
    finally:
        await asyncio.to_thread(connection.close)


async def key_of_another_call(on: Stage, endpoint: Endpoint) -> Answer:
    del endpoint
    first = _later(on)
    assert (await post(on.server, first, key="k")).status == 202
    return await post(on.server, {**first, "basis": "service"}, key="k")


async def too_many_messages(on: Stage, endpoint: Endpoint) -> Answer:
    del endpoint
    return await post(on.server, *[_later(on)] * (MOST_QUEUED + 1))


async def too_many_hooks(on: Stage, endpoint: Endpoint) -> Answer:
    hook = {"url": "https://hooks.example/x", "kinds": ["redeemed"]}
    await asyncio.gather(*[on.server.operate("POST", "/v1/hooks", hook) for _ in range(MOST_HOOKS)])
    return await on.call(endpoint, hook)


CHANGE: Final = {"revision": 1, "name": "Ann", "role": "viewer"}


async def last_admin(on: Stage, endpoint: Endpoint) -> Answer:
    return await on.call(endpoint, None if endpoint.body is None else CHANGE, id=on.person.operator)


def too_many_guesses(body: object) -> Provoke:
    """Once more than whoever guesses may."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        for _ in range(LOGIN.burst):
            await on.call(endpoint, body)
        return await on.call(endpoint, body)

    return provoke


async def last_operator(on: Stage, endpoint: Endpoint) -> Answer:
    listed = await on.server.operate("GET", "/v1/tokens")
    [one] = [token["fingerprint"] for token in listed if token["scope"] == "operator"]
    await asyncio.to_thread(execute, on.database, "UPDATE operators SET disabled = 1")
    answer = await on.call(endpoint, fingerprint=one)
    await asyncio.to_thread(execute, on.database, "UPDATE operators SET disabled = 0")
    return answer


async def refused_credential(on: Stage, endpoint: Endpoint) -> Answer:
    wrong = credential(on.smtp, password="wrong")  # noqa: S106 - of the test
    return await on.call(endpoint, wrong, app="shop")


async def credential_of_a_service_that_is_away(on: Stage, endpoint: Endpoint) -> Answer:
    away = credential(on.smtp, port=quiet_port())
    if endpoint.body is not None:
        return await on.call(endpoint, away, app="shop")
    await on.server.operate("PUT", "/v1/credentials/email/away?check=false", away)
    return await on.call(endpoint, app="away")


def too_many_codes(body: object) -> Provoke:
    """Until whoever tries codes must wait; those that are let through are wrong."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        for _ in range(2 * LOOPBACK.burst):
            answer = await on.call(endpoint, body)
            if answer.status == 429:
                break
        return answer

    return provoke


def taken_card(body: Mapping[str, object]) -> Provoke:
    """Claim a card that is somebody's."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        card = {"beacon": {"id": "card", "role": "tag", "format": "eid"}, "identity_key": "ab" * 16}
        await on.server.operate("PUT", "/v1/beacons/card", card)
        [made] = await on.server.operate("POST", "/v1/provisioning/claims", {"beacons": ["card"]})
        till = {"code": made["code"], "shopper": "somebody"}
        assert (await on.server.call("POST", "/v1/claims", on.server.operator, till)).status < 500
        return await on.call(endpoint, {**body, "code": made["code"]})

    return provoke


_CODE: Final = "AAAA-BBBB-CCCC-DDDD"
_NOT_THERE: Final[tuple[tuple[str, str, dict[str, object] | None], ...]] = (
    ("GET", "enrolment", None),
    ("DELETE", "enrolment", None),
    ("POST", "code", None),
    ("GET", "config", None),
    ("PUT", "config", {}),
)
_RANGE: Final = {
    "format": "ibeacon", "base": FIXTURE[:32], "major": int(FIXTURE[32:36], 16), "first": int(FIXTURE[36:], 16),
    "last": int(FIXTURE[36:], 16), "store": STORE,
}  # fmt: skip
_TWIN: Final = {"id": "twin", "role": "fixture", "format": "ibeacon", "static_id": FIXTURE, "store": STORE}
_SUBSCRIPTION: Final = {"endpoint": "https://push.example/x", "keys": {"p256dh": "", "auth": ""}}
_RANGED: Final = {"store": STORE, "sightings": []}


def not_as_seen(body: object = None, **ids: str) -> Provoke:
    """Change what somebody else has changed since: it never had this revision."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        if "zones" in endpoint.path or "gateways" in endpoint.path:
            gateway = {"id": "g1", "store": STORE}
            await on.server.operate("PUT", f"/v1/stores/{STORE}/gateways/g1", {"gateway": gateway})
        if "plan" in endpoint.path:
            await on.server.operate("PUT", f"/v1/stores/{STORE}/plan", {"width_m": 1, "height_m": 1})
        if "sources" in endpoint.path:
            gateway = {"id": "g1", "store": STORE}
            await on.server.operate("PUT", f"/v1/stores/{STORE}/gateways/g1", {"gateway": gateway})
            await on.server.operate("PUT", on.path(endpoint, ids), source(STORE, ids["id"]))
        if "presence" in endpoint.path:
            await on.server.operate("PUT", on.path(endpoint, ids), {"zone_hold_s": 1})
        if "image" in endpoint.path and endpoint.method == "PUT":
            headers = {**on.credential(endpoint), "If-Match": '"999"'}
            return await on.server.call("PUT", on.path(endpoint, ids), headers=headers, data=small_picture())
        return await on.call(endpoint, body, match='"999"', **ids)

    return provoke


def source(store: str, name: str) -> dict[str, Any]:
    topic = "home/door/BTtoMQTT/+"
    return {"store": store, "id": name, "kind": "theengs", "topic": topic, "gateways": {"door": "g1"}}


def small_picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "PNG")
    return out.getvalue()


async def another_import(on: Stage, endpoint: Endpoint) -> Answer:
    """While one is running, as the database says."""
    row = "'imp', 'beacons', 'ann', 0, 'checking', 9999999999999, 9999999999999"
    columns = "id, kind, actor, dry_run, state, created_ms, touched_ms"
    await asyncio.to_thread(execute, on.database, f"INSERT OR REPLACE INTO imports ({columns}) VALUES ({row})")  # noqa: S608 - our own
    answer = await on.call(endpoint)
    await asyncio.to_thread(execute, on.database, "DELETE FROM imports")
    return answer


async def nothing_to_undo(on: Stage, endpoint: Endpoint) -> Answer:
    """An import that failed."""
    row = "'imp', 'beacons', 'ann', 0, 'failed', 1, 1"
    columns = "id, kind, actor, dry_run, state, created_ms, touched_ms"
    await asyncio.to_thread(execute, on.database, f"INSERT OR REPLACE INTO imports ({columns}) VALUES ({row})")  # noqa: S608 - our own
    return await on.call(endpoint, id="imp")


_Z: Final = "/v1/stores/{store}/zones/{id}"
_G: Final = "/v1/stores/{store}/gateways/{id}"
_PLAN: Final = "/v1/stores/{store}/plan"
_IMAGE: Final = "/v1/stores/{store}/plan/image"
_SIZE: Final = {"width_m": 5, "height_m": 5}
_SOURCE: Final = "/v1/stores/{store}/sources/{id}"
_RULES: Final = "/v1/stores/{store}/presence"
_ZONE_RULES: Final = "/v1/stores/{store}/zones/{zone}/presence"
REGISTRY_OF: Final[Mapping[tuple[str, str, int], Provoke]] = {
    ("GET", "/v1/stores/{id}", 404): plainly(),
    ("PUT", "/v1/stores/{id}", 412): not_as_seen({"id": STORE, "name": "S"}, id=STORE),
    ("DELETE", "/v1/stores/{id}", 404): plainly(),
    ("DELETE", "/v1/stores/{id}", 409): plainly(id=STORE),
    ("DELETE", "/v1/stores/{id}", 412): not_as_seen(id=STORE),
    ("GET", _Z, 404): plainly(),
    ("PUT", _Z, 412): not_as_seen({"store": STORE, "id": "z1", "name": "Z"}, store=STORE, id="z1"),
    ("DELETE", _Z, 404): plainly(),
    ("DELETE", _Z, 409): plainly(store=STORE, id="z1"),
    ("DELETE", _Z, 412): not_as_seen(store=STORE, id="z1"),
    ("GET", "/v1/stores/{store}/zones", 404): plainly(),
    ("GET", _G, 404): plainly(),
    ("PUT", _G, 412): not_as_seen({"gateway": {"id": "g1", "store": STORE}}, store=STORE, id="g1"),
    ("DELETE", _G, 404): plainly(),
    ("DELETE", _G, 412): not_as_seen(store=STORE, id="g1"),
    ("GET", "/v1/beacons/{id}", 404): plainly(),
    ("PUT", "/v1/beacons/{id}", 412): not_as_seen({"beacon": _TWIN}, id="twin"),
    ("DELETE", "/v1/beacons/{id}", 404): plainly(),
    ("DELETE", "/v1/beacons/{id}", 412): not_as_seen(id="fix-1"),
    ("GET", _PLAN, 404): plainly(),
    ("PUT", _PLAN, 404): plainly(_SIZE),
    ("PUT", _PLAN, 412): not_as_seen(_SIZE, store=STORE),
    ("DELETE", _PLAN, 404): plainly(),
    ("DELETE", _PLAN, 412): not_as_seen(store=STORE),
    ("GET", _IMAGE, 404): plainly(),
    **{("GET", endpoint.path, 404): plainly() for endpoint in floors.ENDPOINTS},
    ("PUT", _IMAGE, 404): plainly(),
    ("PUT", _IMAGE, 412): not_as_seen(store=STORE),
    ("DELETE", _IMAGE, 404): plainly(),
    ("DELETE", _IMAGE, 412): not_as_seen(store=STORE),
    ("GET", "/v1/stores/{store}/sources", 404): plainly(),
    ("GET", _SOURCE, 404): plainly(),
    ("PUT", _SOURCE, 404): plainly(source(NOTHING, NOTHING)),
    ("PUT", _SOURCE, 412): not_as_seen(source(STORE, "x"), store=STORE, id="x"),
    ("POST", f"{_SOURCE}/login", 404): plainly(),
    ("DELETE", _SOURCE, 404): plainly(),
    ("DELETE", _SOURCE, 412): not_as_seen(store=STORE, id="x"),
    **{
        (method, path, status): plainly(body) if status == HTTPStatus.NOT_FOUND else not_as_seen(body, **ids)
        for path, ids in ((_RULES, {"store": STORE}), (_ZONE_RULES, {"store": STORE, "zone": "z1"}))
        for method, body, statuses in (("GET", None, (404,)), ("PUT", {}, (404, 412)), ("DELETE", None, (404, 412)))
        for status in statuses
    },
    **GOODS,
    **SEGMENTS,
    **CAMPAIGNS,
    ("POST", "/v1/imports", 409): another_import,
    ("GET", "/v1/imports/{id}", 404): plainly(),
    ("POST", "/v1/imports/{id}/undo", 404): plainly(),
    ("POST", "/v1/imports/{id}/undo", 409): nothing_to_undo,
}


async def crowd(on: Stage, endpoint: Endpoint) -> Answer:
    """Many at once, where a single one may wait."""
    body = {"anonymousId": "a-17", "event": "Seen", "previousId": "a-16", "groupId": "g-1"}
    calls = [on.call(endpoint, body | {"messageId": f"m-{n}"}) for n in range(30)]
    return next(answer for answer in await asyncio.gather(*calls) if answer.status != HTTPStatus.OK)


async def newcomers(on: Stage, endpoint: Endpoint) -> Answer:
    """More phones in a minute than one key may register."""
    made = await on.server.call("POST", "/v1/tokens", on.server.operator, {"scope": "app", "subject": fresh("crowd")})
    while (answer := await on.call(endpoint, {"platform": "web"}, made.json["token"])).status == HTTPStatus.CREATED:
        pass
    return answer


async def large_batch(on: Stage, endpoint: Endpoint) -> Answer:
    """More than may wait."""
    rows = [{"type": "track", "event": "Seen", "anonymousId": "a-17", "messageId": f"m-{n}"} for n in range(2)]
    return await on.call(endpoint, {"batch": rows})


PARTICULAR: Final[Mapping[tuple[str, str, int], Provoke]] = {
    ("POST", "/v1/devices", 429): newcomers,
    ("GET", "/v1/app/config", 404): plainly(query=f"?app={NOTHING}"),
    ("GET", "/v1/devices/{device}/consent", 404): from_a_gone_device(),
    ("GET", "/v1/devices/{device}/experience", 404): from_a_gone_device(),
    ("GET", "/v1/devices/{device}/consent/ledger", 404): from_a_gone_device(),
    ("POST", "/v1/devices/{device}/consent/asked", 404): from_a_gone_device({"versions": {"marketing": "0" * 16}}),
    ("PUT", "/v1/devices/{device}/consent", 404): from_a_gone_device({"purposes": {}}),
    ("PUT", "/v1/devices/{device}/subscription", 404): from_a_gone_device(_SUBSCRIPTION),
    ("POST", "/v1/devices/{device}/tag", 404): from_a_gone_device(),
    ("POST", "/v1/devices/{device}/tag", 409): plainly(),
    ("POST", "/v1/sightings", 404): from_a_gone_device(_RANGED),
    ("POST", "/v1/sightings", 409): plainly(_RANGED),
    ("GET", "/v1/devices/{device}/messages", 404): from_a_gone_device(),
    ("GET", "/v1/devices/{device}/messages/{delivery}", 404): plainly(),
    ("GET", "/v1/devices/{device}/messages/{delivery}", 410): taken_back,
    ("GET", "/v1/devices/{device}/messages/{delivery}/offer", 404): plainly(),
    ("GET", "/v1/devices/{device}/messages/{delivery}/offer", 410): taken_back,
    ("GET", "/v1/devices/{device}/messages/{delivery}/why", 404): plainly(),
    ("GET", "/v1/devices/{device}/snooze", 404): from_a_gone_device(),
    ("PUT", "/v1/devices/{device}/snooze", 404): from_a_gone_device({"for_h": 1}),
    ("DELETE", "/v1/devices/{device}/snooze", 404): from_a_gone_device(),
    ("PUT", "/v1/devices/{device}/addresses/{channel}", 404): plainly({"address": {"to": "x"}}, channel="pigeon"),
    ("DELETE", "/v1/devices/{device}/addresses/{channel}", 404): plainly(channel="pigeon"),
    ("GET", "/v1/devices/{device}/nickname", 404): plainly(),
    ("PUT", "/v1/devices/{device}/nickname", 404): from_a_gone_device({"nickname": "Ann"}),
    ("PUT", "/v1/devices/{device}/nickname", 409): plainly({"nickname": "Ann"}),
    ("DELETE", "/v1/devices/{device}/nickname", 404): from_a_gone_device(),
    ("DELETE", "/v1/devices/{device}/person", 404): from_a_gone_device(),
    ("DELETE", "/v1/people/{id}", 404): plainly(),
    ("GET", "/v1/people/{id}/export", 404): plainly(),
    ("POST", "/v1/requests", 404): plainly({"kind": "access", "person": NOTHING}),
    ("GET", "/v1/requests", 400): plainly(query="?after=x"),
    ("GET", "/v1/requests/{id}", 404): plainly(),
    ("POST", "/v1/requests/{id}/steps", 404): plainly({"action": "done"}),
    ("POST", "/v1/requests/{id}/steps", 409): answered_before,
    ("GET", "/v1/people/{id}/export.html", 404): plainly(),
    ("PUT", "/v1/devices/{device}/user", 404): from_a_gone_device(),
    ("POST", "/v1/people/{id}/corrections", 404): plainly({"trait": "city", "value": "Ulm", "why": "she says so"}),
    ("GET", "/v1/devices/{device}/traits", 404): from_a_gone_device(),
    ("POST", "/v1/devices/{device}/corrections", 404): from_a_gone_device({"trait": "city", "value": "Ulm"}),
    ("GET", "/v1/devices/{device}/export", 404): from_a_gone_device(),
    ("GET", "/v1/devices/{device}/export.html", 404): from_a_gone_device(),
    ("GET", "/v1/people/{id}/graph", 404): plainly(),
    ("POST", "/v1/links", 404): plainly({"a": NOTHING, "b": "b"}),
    ("POST", "/v1/links/preview", 404): plainly({"a": NOTHING, "b": "b"}),
    ("POST", "/v1/links/{id}/preview", 404): plainly({"decision": "cut"}),
    ("POST", "/v1/links/{id}/cut", 404): plainly({}),
    ("POST", "/v1/links/{id}/restore", 404): plainly({}),
    ("POST", "/v1/reviews/{link}", 404): plainly({"decision": "join"}),
    ("POST", "/v1/messages", 409): twice_at_once,
    ("POST", "/v1/messages", 422): key_of_another_call,
    ("POST", "/v1/messages", 429): too_many_messages,
    ("GET", "/v1/messages/{id}", 404): plainly(),
    ("DELETE", "/v1/messages/{id}", 404): plainly(),
    ("DELETE", "/v1/messages/{id}", 409): taken_back,
    ("GET", "/v1/deliveries/{id}", 404): plainly(),
    ("POST", "/v1/deliveries/{id}/resend", 404): plainly(),
    ("POST", "/v1/deliveries/{id}/resend", 409): waiting,
    ("POST", "/v1/suppressions", 404): plainly({"reason": "bounced", "delivery": NOTHING}),
    ("DELETE", "/v1/suppressions/{channel}/{hash}", 404): plainly(),
    ("PUT", "/v1/credentials/{channel}/{app}", 404): plainly({}, channel="pigeon"),
    ("PUT", "/v1/credentials/{channel}/{app}", 422): refused_credential,
    ("PUT", "/v1/credentials/{channel}/{app}", 503): credential_of_a_service_that_is_away,
    ("POST", "/v1/credentials/{channel}/{app}/check", 404): plainly(),
    ("POST", "/v1/credentials/{channel}/{app}/check", 503): credential_of_a_service_that_is_away,
    ("DELETE", "/v1/credentials/{channel}/{app}", 404): plainly(),
    **REGISTRY_OF,
    ("PUT", "/v1/registry", 409): plainly({"beacons": [{"beacon": _TWIN}]}),
    ("PUT", "/v1/beacons/{id}", 409): plainly({"beacon": _TWIN}, id="twin"),
    ("GET", "/v1/screens/{id}", 404): plainly(),
    ("DELETE", "/v1/screens/{id}", 404): plainly(),
    ("POST", "/v1/screens/{id}/token", 404): plainly(),
    ("GET", "/v1/screens/{id}/stream", 404): plainly(),
    ("DELETE", "/v1/stores/{store}/offer", 404): plainly(),
    ("DELETE", "/v1/tokens/{fingerprint}", 404): plainly(),
    ("DELETE", "/v1/tokens/{fingerprint}", 409): last_operator,
    ("PUT", "/v1/operators/{id}", 404): plainly(CHANGE),
    ("PUT", "/v1/operators/{id}", 409): last_admin,
    ("DELETE", "/v1/operators/{id}", 404): plainly(),
    ("DELETE", "/v1/operators/{id}", 409): last_admin,
    ("POST", "/v1/operators/{id}/password", 404): plainly({}),
    ("POST", "/v1/session", 401): plainly({"login": "ann", "password": "not hers at all"}),
    ("POST", "/v1/session", 429): too_many_guesses({"login": "zoe", "password": "not hers at all"}),
    ("PUT", "/v1/session/password", 429): too_many_guesses({"current": "not hers at all", "new": "x"}),
    ("POST", "/v1/session/totp", 429): too_many_guesses({"password": "not hers at all"}),
    ("PUT", "/v1/session/totp", 429): too_many_guesses({"code": "000000"}),
    ("POST", "/v1/session/totp/end", 429): too_many_guesses({"password": "not hers at all"}),
    ("POST", "/v1/hooks", 409): too_many_hooks,
    ("DELETE", "/v1/hooks/{id}", 404): plainly(),
    ("POST", "/v1/hooks/{id}/rotate", 404): plainly(),
    ("POST", "/v1/hooks/{id}/test", 404): plainly(),
    ("POST", "/v1/health/findings/{id}/known", 404): plainly({"for_h": 1}),
    ("DELETE", "/v1/health/findings/{id}/known", 404): plainly(),
    ("GET", "/v1/gateways/{id}/health", 404): plainly(),
    ("GET", "/v1/beacons/{id}/health", 404): plainly(),
    ("GET", "/v1/labels", 404): plainly(query=f"?store={NOTHING}"),
    ("POST", "/v1/enrol", 401): plainly(PROOFS["/v1/enrol"]),
    ("POST", "/v1/enrol", 429): too_many_codes(PROOFS["/v1/enrol"]),
    **{
        (method, f"/v1/stores/{{store}}/gateways/{{id}}/{leaf}", 404): plainly(body)
        for method, leaf, body in _NOT_THERE
    },
    ("GET", "/v1/stores/{store}/config", 404): plainly(),
    ("PUT", "/v1/stores/{store}/config", 404): plainly({}),
    ("POST", "/v1/provisioning/range", 409): plainly(_RANGE),
    ("POST", "/v1/provisioning/claims", 404): plainly({"beacons": [NOTHING]}),
    ("POST", "/v1/claims", 404): plainly({"code": _CODE, "shopper": "x"}),
    ("POST", "/v1/claims", 409): taken_card({"shopper": "else"}),
    ("POST", "/v1/claims", 429): too_many_codes({"code": _CODE, "shopper": "x"}),
    ("POST", "/v1/devices/{device}/claims", 404): plainly({"code": _CODE}),
    ("POST", "/v1/devices/{device}/claims", 409): taken_card({}),
    ("POST", "/v1/devices/{device}/claims", 429): too_many_codes({"code": _CODE}),
    ("GET", "/v1/devices/{device}/tags", 404): from_a_gone_device(),
    ("DELETE", "/v1/devices/{device}/tags/{id}", 404): plainly(),
    ("DELETE", "/v1/tags/{id}", 404): plainly(),
    **{
        ("POST", f"/v1/{path}", 429): crowd
        for path in ("identify", "track", "page", "screen", "alias", "group", "i", "t", "p", "s", "a", "g")
    },
    ("POST", "/v1/people/find", 404): plainly({"kind": "email", "value": "nobody@example.org"}),
    ("GET", "/v1/people/{id}", 404): plainly(),
    ("GET", "/v1/people/{id}/events", 404): plainly(),
    **{("POST", f"/v1/{path}", 429): large_batch for path in ("batch", "import", "b")},
}
"""By method, path and status. Of these statuses, those that are `GENERAL`, too, have a second cause here."""
