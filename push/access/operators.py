"""Operators: the people who may use console and API. Records are changed by whoever read their last revision."""

import json
import unicodedata
from typing import Annotated, Any, Final

import msgspec

from beacons.topics import Id
from push.access import passwords
from push.access.desk import Desk
from push.access.errors import ChangedError, LastAdminError, RefusedError, UnknownOperatorError
from push.model.errors import UniqueError
from push.model.ids import fresh
from push.model.ports import Queries, Row, Transaction
from push.model.tokens import Principal, Role

Login = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$(?!\n)")]
"""A short name or an e-mail address; capitals are the same."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Stores = Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)]
MOST: Final = 1000


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may use the console. `stores` are those she is kept to, None for every one."""

    id: str
    login: str
    name: str
    role: Role
    stores: tuple[str, ...] | None
    totp: bool
    """Whether she proves herself with a code as well."""
    must_change: bool
    """Whether somebody else knows her password: she changes it first of all."""
    disabled: bool
    revision: int
    changed_by: str
    changed_ms: int
    created_ms: int
    seen_ms: int | None

    @property
    def principal(self) -> Principal:
        """What she may."""
        return principal_of(self.login, self.role, self.stores)


class OperatorIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told of an operator."""

    login: Login
    name: Name
    role: Role = "viewer"
    stores: Stores | None = None


class OperatorChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator is from now on; `revision` is the one that this was made from. A login stays."""

    revision: int
    name: Name
    role: Role
    stores: Stores | None = None
    disabled: bool = False


def fold(login: str) -> str:
    """The one spelling of a login."""
    return unicodedata.normalize("NFKC", login.strip()).casefold()


def principal_of(login: str, role: Role, stores: tuple[str, ...] | None) -> Principal:
    """What an operator may."""
    return Principal("operator", login, role, None if stores is None else frozenset(stores))


def stores_of(text: str) -> tuple[str, ...] | None:
    """Stores as they are kept."""
    return tuple(json.loads(text)) if text else None


def stored(stores: tuple[str, ...] | None) -> str:
    """Stores, to be kept."""
    return "" if stores is None else json.dumps(sorted(set(stores)))


def operator_of(row: Row) -> Operator:
    """A row as an operator."""
    flags = {name: bool(row[name]) for name in ("totp", "must_change", "disabled")}
    return msgspec.convert({**row, **flags, "stores": stores_of(row["stores"])}, Operator)


async def listed(db: Queries) -> list[Operator]:
    """All of them, by login."""
    return [operator_of(row) for row in await db.fetch("access.operators", most=MOST)]


async def get(db: Queries, id_: str) -> Operator:
    """One. Raises `UnknownOperatorError`."""
    row = await db.fetch_one("access.operator", id=id_)
    if row is None:
        raise UnknownOperatorError
    return operator_of(row)


async def by_login(db: Queries, login: str) -> Operator:
    """One by her login, however it is spelled. Raises `UnknownOperatorError`."""
    row = await db.fetch_one("access.operator_by_login", login=fold(login))
    if row is None:
        raise UnknownOperatorError
    return operator_of(row)


async def create(desk: Desk, asked: OperatorIn, actor: str, password: str | None = None) -> tuple[Operator, str]:
    """A new operator, and the password that she is to change at her first login: `password`, or one that is made.

    Raises `RefusedError`.
    """
    if password is not None:
        passwords.require(password, fold(asked.login))
    told = password or passwords.one_time()
    encoded = await desk.hasher.hash(told)
    async with desk.db.transaction() as tx:
        made = await add(tx, desk, asked, encoded, actor, must_change=True)
        if made.role == "admin" and made.stores is None:
            await tx.execute("access.end_setup", now_ms=desk.clock.now_ms())
    return made, told


async def add(  # noqa: PLR0913 - who, what, with which password, by whom
    tx: Transaction, desk: Desk, asked: OperatorIn, encoded: str, actor: str, *, must_change: bool
) -> Operator:
    """Write a new operator. Raises `RefusedError` where the login is taken."""
    now_ms, id_ = desk.clock.now_ms(), fresh("op")
    if await tx.fetch_one("access.operator_by_login", login=fold(asked.login)) is not None:
        raise _taken()
    try:
        await tx.execute(
            "access.new_operator",
            id=id_,
            login=fold(asked.login),
            name=asked.name,
            role=asked.role,
            stores=stored(asked.stores),
            password_hash=encoded,
            must_change=must_change,
            changed_by=actor,
            now_ms=now_ms,
        )
    except UniqueError:  # somebody else was faster, just now
        raise _taken() from None
    made = await get(tx, id_)
    await desk.audit(tx, actor, "new operator", made.login, now_ms, after=shown(made))
    return made


def _taken() -> RefusedError:
    return RefusedError("There is an operator of this login already.")


async def change(desk: Desk, id_: str, asked: OperatorChange, actor: str) -> Operator:
    """Change name, role, stores, and whether she is disabled, which ends her sessions.

    Raises `UnknownOperatorError`, `ChangedError`, `LastAdminError`.
    """
    now_ms = desk.clock.now_ms()
    async with desk.db.transaction() as tx:
        admins = [row["id"] for row in await tx.fetch("access.lock_admins")]
        before = await get(tx, id_)
        stays = asked.role == "admin" and asked.stores is None and not asked.disabled
        if admins == [id_] and not stays:
            raise LastAdminError
        fields = {"name": asked.name, "role": asked.role, "disabled": asked.disabled, "stores": stored(asked.stores)}
        told = {"id": id_, "revision": asked.revision, "changed_by": actor, "now_ms": now_ms}
        if not await tx.execute("access.change_operator", **fields, **told):
            raise ChangedError(before.changed_by, before.changed_ms)
        if asked.disabled:
            await tx.execute("access.close_sessions", operator=id_, but="")
        after = await get(tx, id_)
        await desk.audit(tx, actor, "change operator", after.login, now_ms, before=shown(before), after=shown(after))
    return after


async def disable(desk: Desk, id_: str, actor: str) -> Operator:
    """Let her in no more, and end her sessions. Her name stays in the trail. Raises as `change`."""
    before = await get(desk.db, id_)
    asked = OperatorChange(
        revision=before.revision, name=before.name, role=before.role, stores=before.stores, disabled=True
    )
    return await change(desk, id_, asked, actor)


async def reset_password(desk: Desk, id_: str, actor: str, *, drop_totp: bool = False) -> str:
    """A password that she is to change at her next login, told this once; her sessions end.

    `drop_totp` lets her in without a code, where her phone is lost. Raises `UnknownOperatorError`.
    """
    told = passwords.one_time()
    encoded = await desk.hasher.hash(told)
    now_ms = desk.clock.now_ms()
    async with desk.db.transaction() as tx:
        before = await get(tx, id_)
        await set_password(tx, desk, id_, encoded, actor, must_change=True)
        if drop_totp:
            await tx.execute("access.drop_totp", id=id_, changed_by=actor, now_ms=now_ms)
        await tx.execute("access.close_sessions", operator=id_, but="")
        after = await get(tx, id_)
        await desk.audit(tx, actor, "reset password", after.login, now_ms, before=shown(before), after=shown(after))
    return told


async def set_password(  # noqa: PLR0913 - whose, which, by whom
    tx: Transaction, desk: Desk, id_: str, encoded: str, actor: str, *, must_change: bool
) -> None:
    """Write another password's hash."""
    now_ms = desk.clock.now_ms()
    await tx.execute(
        "access.set_password",
        id=id_,
        password_hash=encoded,
        must_change=must_change,
        changed_by=actor,
        now_ms=now_ms,
    )


def shown(operator: Operator) -> dict[str, Any]:
    """An operator as the trail keeps her."""
    kept = ("name", "role", "stores", "totp", "must_change", "disabled")
    return {name: getattr(operator, name) for name in kept}
