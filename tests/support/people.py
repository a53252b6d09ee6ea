"""Operators who are logged in, as a browser is: by a cookie, and by what only our pages know."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.support.servers import Answer, Caller

PASSWORD: Final = "correct horse battery"  # noqa: S105 - of the tests


class Person(NamedTuple):
    """Somebody's session."""

    operator: str
    login: str
    cookie: str
    csrf: str

    @property
    def headers(self) -> Mapping[str, str]:
        """What a page of ours sends."""
        return {"Cookie": self.cookie, "X-Footfall-CSRF": self.csrf}


def person_of(answer: Answer) -> Person:
    """Whom an answer let in."""
    assert answer.status < 300, answer
    told = answer.json
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    return Person(told["operator"], told["login"], cookie, told["csrf"])


async def first_admin(server: Caller, login: str = "ann") -> Person:
    """Set up, with the code that the server wrote."""
    code = await asyncio.to_thread((server.folder / "setup.code").read_text)
    body = {"code": code.strip(), "login": login, "name": login.title(), "password": PASSWORD}
    return person_of(await server.call("POST", "/v1/setup", body=body))


async def log_in(server: Caller, login: str, password: str = PASSWORD, code: str = "") -> Answer:
    return await server.call("POST", "/v1/session", body={"login": login, "password": password, "code": code})


async def hired(server: Caller, login: str, role: str, stores: list[str] | None = None) -> Person:
    """A new operator, who changed her password and is logged in."""
    told = await server.operate(
        "POST", "/v1/operators", {"login": login, "name": login.title(), "role": role, "stores": stores}
    )
    once = person_of(await log_in(server, login, told["password"]))
    body = {"current": told["password"], "new": PASSWORD}
    return person_of(await server.call("PUT", "/v1/session/password", body=body, headers=once.headers))


async def as_person(server: Caller, person: Person, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """A person's call that must succeed; its result."""
    answer = await server.call(method, path, body=body, headers=person.headers)
    assert answer.status < 300, answer
    return answer.json if answer.raw else None
