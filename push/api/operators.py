"""Operators, managed by admins of every store."""

from typing import Any, Final

import msgspec

from push.access import operators
from push.access.operators import Operator, OperatorChange, OperatorIn
from push.api.contract import OPERATOR, Call, Context, Endpoint
from push.api.entry import answering


class OperatorMade(msgspec.Struct, frozen=True):
    """A new operator, and the password that she changes at her first login; shown this once."""

    operator: Operator
    password: str

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"OperatorMade({self.operator!r})"


class ResetIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`end_totp`: let her in without a code as well, for her phone is lost."""

    end_totp: bool = False


class OneTime(msgspec.Struct, frozen=True):
    """A password that she changes at her next login; shown this once."""

    password: str

    def __repr__(self) -> str:
        """Without what is secret."""
        return "OneTime(…)"


async def listed(context: Context, call: Call) -> list[Operator]:
    """All operators, by login."""
    del call
    return await operators.listed(context.db)


async def create(context: Context, call: Call) -> OperatorMade:
    """A new operator."""
    body: OperatorIn = call.body
    with answering():
        return OperatorMade(*await operators.create(context.access, body, call.actor))


async def change(context: Context, call: Call) -> Operator:
    """Change an operator that nobody else changed since she was read."""
    body: OperatorChange = call.body
    with answering():
        return await operators.change(context.access, call.path["id"], body, call.actor)


async def disable(context: Context, call: Call) -> None:
    """Let an operator in no more. PUT brings her back."""
    with answering():
        await operators.disable(context.access, call.path["id"], call.actor)


async def reset(context: Context, call: Call) -> OneTime:
    """A password for somebody who forgot hers; her sessions end."""
    body: ResetIn = call.body
    with answering():
        told = await operators.reset_password(context.access, call.path["id"], call.actor, drop_totp=body.end_totp)
    return OneTime(told)


_ADMIN: Final[dict[str, Any]] = {"role": "admin"}
_ONE: Final = "/v1/operators/{id}"
ENDPOINTS: Final = (
    Endpoint("GET", "/v1/operators", OPERATOR, "Operators", listed, result=list[Operator], **_ADMIN),
    Endpoint("POST", "/v1/operators", OPERATOR, "A new operator", create, OperatorIn, OperatorMade, 201, **_ADMIN),
    Endpoint(
        "PUT", _ONE, OPERATOR, "Change an operator", change, OperatorChange, Operator, errors=(404, 409), **_ADMIN
    ),
    Endpoint("DELETE", _ONE, OPERATOR, "Let an operator in no more", disable, errors=(404, 409), **_ADMIN),
    Endpoint(
        "POST", f"{_ONE}/password", OPERATOR, "Give an operator a password for once", reset, ResetIn, OneTime,
        errors=(404,), **_ADMIN,
    ),
)  # fmt: skip
