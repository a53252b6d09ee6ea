"""Who may what: every role at every route of the running application, and nobody without a credential.

A route that is new is closed unless it is listed here: in `OPEN`, with its reason.
"""

import gc
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from aiohttp import web

from push.api.contract import Endpoint
from push.app import ENDPOINTS
from push.model.tokens import ROLES, Role
from push.settings import HttpSettings
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.people import PASSWORD, Person, first_admin, hired, log_in, person_of
from tests.support.servers import REGISTRY, STORE, Caller, serving, settings

OPEN: Final[Mapping[str, str]] = {
    r"/": "leads to the app",
    r"/app(/.*)?": "the phone's app: files, and what they need to find their server",
    r"/screen/.*": "the page of a screen: files; what it shows takes the screen's token",
    r"/console/static/.*": "files",
    r"/console/login": "lets people in",
    r"/console/setup": "lets the first one in, with a code",
    r"/healthz|/readyz": "whether the server lives",
    r"/metrics": "figures, for this machine itself; tests/push/app/test_figures_access.py",
    r"/openapi\.json": "the description of the API",
    r"/u/\{token\}": "one-click unsubscribe, by the token in the link",
    r"/c/\{token\}": "confirming consent, by the token in the link of a mail",
    r"/v1/projects/\{writeKey\}/settings": "what a page's client asks before it begins, by the key that ships in it",
    r"/enrol/\{code\}": "what somebody sees who opens a gateway's code",
}
DOCS: Final = Path(__file__).parents[3] / "docs" / "access.md"
_NAME: Final = re.compile(r"\{(\w+)(:[^}]*\}?)?\}")
OTHER: Final = "s2"
"""A store of nobody in these tests."""


class Route(NamedTuple):
    method: str
    path: str

    def at(self, **ids: str) -> str:
        return _NAME.sub(lambda found: ids.get(found[1], "x"), self.path)


def routes() -> list[Route]:
    """Every route of the server that runs in this process; what other tests have served may not be gone yet."""
    ours = {(e.method, e.path) for e in ENDPOINTS}
    apps = [one for one in gc.get_objects() if isinstance(one, web.Application) and one.frozen]
    served = [{(r.method, r.resource.canonical) for r in a.router.routes() if r.resource is not None} for a in apps]
    return sorted(Route(*one) for one in [found for found in served if found >= ours][-1])


class Told(NamedTuple):
    """An answer's beginning: what is refused says so in a title."""

    status: int
    title: str
    location: str


async def told(server: Caller, method: str, path: str, headers: Mapping[str, str], body: object = None) -> Told:
    """Ask, and read no more than what is a problem: some answers have no end. Pages of the console get a form."""
    url = server.running.http_url + path
    if method == "POST" and path.startswith("/console/"):
        headers = {**headers, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    async with server.http.request(method, url, headers=headers, json=body, allow_redirects=False) as answer:
        is_problem = answer.content_type == "application/problem+json" and method != "HEAD"
        title = (await answer.json(content_type=None))["title"] if is_problem else ""
        return Told(answer.status, title, answer.headers.get("Location", ""))


def is_shut(answer: Told) -> bool:
    return answer.status in {401, 403} or (300 <= answer.status < 400 and "/console/" in answer.location)


@pytest.mark.parametrize("set_up", [False, True])
async def test_nothing_is_reachable_without_a_credential_but_what_is_listed(server: Caller, *, set_up: bool) -> None:
    if set_up:
        await first_admin(server)
    bodies = {(e.method, e.path) for e in ENDPOINTS if not e.scopes}
    reached = {
        f"{route.method} {route.path}: {answer}"
        for route in routes()
        if tuple(route) not in bodies
        and not any(re.fullmatch(pattern, route.path) for pattern in OPEN)
        and not is_shut(answer := await told(server, route.method, route.at(), {}))
    }
    assert reached == set()
    for method, path in bodies:
        assert (await told(server, method, path, {})).status == 400, path


@pytest.mark.usefixtures("server")
async def test_what_is_listed_as_open_is_there() -> None:
    paths = [route.path for route in routes()]
    assert len(paths) > len(ENDPOINTS)
    assert [pattern for pattern in OPEN if not any(re.fullmatch(pattern, path) for path in paths)] == []


# --- role by route ----------------------------------------------------------------------------------------------------

OF_OPERATORS: Final = [e for e in ENDPOINTS if "operator" in e.scopes and not e.of_session]


class Kept(NamedTuple):
    """Somebody by her headers, what she is, and where."""

    name: str
    headers: Mapping[str, str]
    role: Role
    stores: tuple[str, ...] | None

    def expects(self, endpoint: Endpoint) -> bool:
        """Whether she may ask, whatever the answer is then."""
        if ROLES.index(self.role) < ROLES.index(endpoint.least):
            return False
        return self.stores is None or endpoint.reach != "chain"


async def everybody(server: Caller) -> list[Kept]:
    """People and tokens of each role, for every store and for one."""
    found = []
    for role in ROLES:
        for stores in (None, (STORE,)):
            name = f"{role}-{'all' if stores is None else 'one'}"
            person = await hired(server, name, role, None if stores is None else list(stores))
            found.append(Kept(f"person {name}", person.headers, role, stores))
            body = {"scope": "operator", "subject": name, "role": role, "stores": stores}
            token = (await server.operate("POST", "/v1/tokens", body))["token"]
            found.append(Kept(f"token {name}", {"Authorization": f"Bearer {token}"}, role, stores))
    return found


async def test_every_role_may_what_it_may_and_nothing_else(server: Caller) -> None:
    wrong = []
    for who in await everybody(server):
        for endpoint in OF_OPERATORS:
            path = Route(endpoint.method, endpoint.path).at(store=STORE, **_store_as_id(endpoint, STORE))
            answer = await told(server, endpoint.method, path, who.headers)
            let_in = answer.status != 401 and (answer.status, answer.title) != (403, "Not allowed")
            if let_in != who.expects(endpoint) or answer.status >= 500:
                wrong.append(f"{who.name}: {endpoint.method} {endpoint.path}: {answer}")
    assert wrong == []


async def test_another_store_is_closed_to_whoever_is_kept_to_one(server: Caller) -> None:
    await server.operate("PUT", "/v1/registry", {"stores": [{"id": OTHER, "name": "Elsewhere"}]})
    of_stores = [e for e in OF_OPERATORS if e.reach == "store"]
    assert of_stores
    for who in await everybody(server):
        if who.stores is None or who.role != "admin":
            continue
        for endpoint in of_stores:
            path = Route(endpoint.method, endpoint.path).at(store=OTHER, **_store_as_id(endpoint, OTHER))
            answer = await told(server, endpoint.method, path, who.headers)
            assert (answer.status, answer.title) == (403, "Not yours"), (who.name, endpoint.path)


def _store_as_id(endpoint: Endpoint, store: str) -> dict[str, str]:
    return {"id": store} if endpoint.path.startswith("/v1/stores/{id}") else {}


def test_whatever_reaches_a_store_names_it_in_its_path() -> None:
    for endpoint in ENDPOINTS:
        if endpoint.reach == "store":
            assert "{store}" in endpoint.path or endpoint.path.startswith("/v1/stores/{id}"), endpoint.path


def test_who_manages_keys_and_people_is_an_admin_of_every_store() -> None:
    for endpoint in OF_OPERATORS:
        if re.match(r"/v1/(operators|tokens)\b", endpoint.path):
            assert (endpoint.least, endpoint.reach) == ("admin", "chain"), endpoint.path


def test_the_page_about_access_says_what_each_call_takes() -> None:
    table = DOCS.read_text().partition("<!-- table: access -->\n")[2].partition("\n\n")[0]
    expected = "\n".join(["| call | least role | reach |", "| --- | --- | --- |", *_documented()])
    assert sorted(table.splitlines()) == sorted(expected.splitlines()), f"docs/access.md should have\n{expected}"


def _documented() -> Iterator[str]:
    for endpoint in ENDPOINTS:
        if not endpoint.scopes:
            takes = (CODES[endpoint.path], "\N{EN DASH}")
        elif endpoint.of_session:
            takes = ("whoever is logged in", "own")
        elif "operator" in endpoint.scopes:
            takes = (endpoint.least, endpoint.reach)
        else:
            continue
        yield f"| `{endpoint.method} {endpoint.path}` | {takes[0]} | {takes[1]} |"


CODES: Final = {
    "/v1/setup": "whoever has the code",
    "/v1/session": "whoever has login and password",
    "/v1/enrol": "whoever has a gateway's code",
}
"""Who makes calls that take no credential; a new one is listed here, or it is a mistake."""


# --- what a cookie alone does not open --------------------------------------------------------------------------------

CHANGING: Final = [e for e in ENDPOINTS if "operator" in e.scopes and e.method != "GET"]


async def test_a_cookie_alone_changes_nothing(server: Caller) -> None:
    ann = await first_admin(server)
    other = person_of(await log_in(server, "ann"))
    for endpoint in CHANGING:
        path = Route(endpoint.method, endpoint.path).at()
        for headers in ({}, {"X-Footfall-CSRF": ""}, {"X-Footfall-CSRF": other.csrf}):
            answer = await told(server, endpoint.method, path, {"Cookie": ann.cookie, **headers})
            assert (answer.status, answer.title) == (403, "Not allowed"), endpoint
    for route in routes():
        if route.method == "POST" and route.path.startswith("/console") and route.path not in {
            "/console/login", "/console/setup",
        }:  # fmt: skip
            answer = await told(server, "POST", route.at(store=STORE), {"Cookie": ann.cookie})
            assert answer.status in {200, 303, 403, 404}, (route, answer)  # shown again, to be looked at
    async with open_database(f"sqlite://{server.folder}/push.db", RealClock()) as db:
        trail = {(row["actor"], row["action"]) for row in await db.fetch("registry.audit_trail", most=100)}
    assert {action for actor, action in trail if actor == "operator:ann"} == {"log in"}
    assert (await told(server, "GET", "/v1/session", {"Cookie": ann.cookie})).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"},
    ],
)  # fmt: skip
async def test_pages_of_other_origins_use_no_session_and_open_none(tmp_path: Path, origin: dict[str, str]) -> None:
    """Those that may call the API neither: they call with tokens."""
    http = HttpSettings(port=0, allowed_origins=("https://shop.example",))
    async with serving(settings(tmp_path / "data", http=http)) as server:
        ann = await first_admin(server)
        for method, path in (("GET", "/v1/registry"), ("GET", "/v1/session"), ("DELETE", "/v1/session")):
            answer = await server.call(method, path, headers={**ann.headers, **origin})
            assert answer.status == 403, answer
            assert "Access-Control-Allow-Credentials" not in answer.headers
        login = {"login": "ann", "password": PASSWORD}
        assert (await server.call("POST", "/v1/session", body=login, headers=origin)).status == 403
        assert (await server.call("GET", "/v1/registry", server.operator, headers=origin)).status == 200
        ours = {"Origin": server.running.http_url, "Sec-Fetch-Site": "same-origin"}
        assert (await server.call("GET", "/v1/registry", headers={**ann.headers, **ours})).status == 200
        assert (await server.call("POST", "/v1/session", body=login, headers=ours)).status == 200


async def test_a_browser_is_not_told_that_others_may_bring_the_cookie(tmp_path: Path) -> None:
    http = HttpSettings(port=0, allowed_origins=("https://shop.example",))
    async with serving(settings(tmp_path / "data", http=http)) as server:
        asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "DELETE",
                "Access-Control-Request-Headers": "x-footfall-csrf"}  # fmt: skip
        answer = await server.call("OPTIONS", "/v1/session", headers=asks)
        assert "csrf" not in answer.headers["Access-Control-Allow-Headers"].lower()
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_who_has_to_change_her_password_does_that_first(server: Caller) -> None:
    made = await server.operate("POST", "/v1/operators", {"login": "bob", "name": "Bob", "role": "admin"})
    bob = person_of(await log_in(server, "bob", made["password"]))
    for endpoint in OF_OPERATORS:
        answer = await told(server, endpoint.method, Route(endpoint.method, endpoint.path).at(), bob.headers)
        assert (answer.status, answer.title) == (403, "Change your password"), endpoint
    body = {"current": made["password"], "new": PASSWORD}
    changed = person_of(await server.call("PUT", "/v1/session/password", body=body, headers=bob.headers))
    assert (await told(server, "GET", "/v1/operators", changed.headers)).status == 200
    assert (await told(server, "GET", "/v1/session", bob.headers)).status == 401


# --- what is in a list ------------------------------------------------------------------------------------------------


async def test_lists_hold_what_is_in_her_stores(server: Caller) -> None:
    """Of the registry; what happened in stores is in tests/push/api/test_own_stores.py."""
    await server.operate("PUT", "/v1/registry", {**REGISTRY_OF_TWO, "beacons": [TAG]})
    for role, carried_by in (("viewer", None), ("editor", "ada")):
        person = await hired(server, role, role, [OTHER])
        found = (await server.call("GET", "/v1/registry", headers=person.headers)).json
        assert [store["id"] for store in found["stores"]] == [OTHER]
        assert {zone["store"] for zone in found["zones"]} == {OTHER}
        assert found["beacons"] == []
        assert [campaign["id"] for campaign in found["campaigns"]] == ["welcome"]
        everywhere = await hired(server, f"{role}-all", role)
        found = (await server.call("GET", "/v1/registry", headers=everywhere.headers)).json
        [tag] = [one["beacon"] for one in found["beacons"] if one["beacon"]["id"] == "card-1"]
        assert tag["shopper"] == carried_by


REGISTRY_OF_TWO: Final[dict[str, Any]] = {
    "stores": [{"id": OTHER, "name": "Elsewhere"}],
    "zones": [{"store": OTHER, "id": "z9", "name": "Door"}],
    "campaigns": [
        {
            "id": "here-only",
            "name": "Here",
            "trigger": {"kind": "store_entered", "stores": [STORE]},
            "template": {"title": "Hello"},
        }
    ],
}
TAG: Final[dict[str, Any]] = {
    "beacon": {"id": "card-1", "role": "tag", "format": "eid", "shopper": "ada"},
    "identity_key": "ab" * 16,
}


async def test_a_screen_stays_where_it_is_hers(server: Caller) -> None:
    await server.operate("PUT", "/v1/registry", {**REGISTRY, **REGISTRY_OF_TWO})
    screens = {"screen-1": (STORE, "z1"), "screen-2": (OTHER, "z9")}
    for name, (store, zone) in screens.items():
        body = {"id": name, "name": "Door", "store": store, "zone": zone}
        await server.operate("PUT", f"/v1/screens/{name}", body)
    bob = await hired(server, "bob", "editor", [OTHER])
    assert await _status(server, bob, "GET", "/v1/screens/screen-2") == 200
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/token")):
        assert await _status(server, bob, method, f"/v1/screens/screen-1{path}") == 403
    mine = {"id": "screen-1", "name": "Taken", "store": OTHER, "zone": "z9"}
    assert await _status(server, bob, "PUT", "/v1/screens/screen-1", mine) == 403
    given = {"id": "screen-2", "name": "Given", "store": STORE, "zone": "z1"}
    assert await _status(server, bob, "PUT", "/v1/screens/screen-2", given) == 403


async def _status(server: Caller, person: Person, method: str, path: str, body: object = None) -> int:
    return (await server.call(method, path, body=body, headers=person.headers)).status


async def test_a_person_is_told_apart_from_a_token_in_the_trail(server: Caller) -> None:
    ann = await first_admin(server)
    body = {"scope": "operator", "subject": "ann", "role": "admin"}
    token = (await server.operate("POST", "/v1/tokens", body))["token"]
    asked = {"login": "bob", "name": "Bob"}
    by_token = (await server.call("POST", "/v1/operators", token, asked)).json["operator"]["changed_by"]
    by_ann = (await server.call("POST", "/v1/operators", body={**asked, "login": "eve"}, headers=ann.headers)).json
    assert (by_token, by_ann["operator"]["changed_by"]) == ("operator:token/ann", "operator:ann")
