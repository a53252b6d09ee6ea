"""What the channels that need a credential share: reading one, and finding the one of an app."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from push.model.errors import CredentialError, PermanentError

Kind = TypeVar("Kind", bound=msgspec.Struct)
Used = TypeVar("Used")


def read(credential: Mapping[str, object], kind: type[Kind]) -> Kind:
    """The credential, checked. Raises `PermanentError`: which field is wrong and what was expected, never its value."""
    try:
        return msgspec.convert(credential, kind)
    except msgspec.ValidationError as error:
        raise PermanentError(f"bad_credential: {error}") from None


def of_app(used: Mapping[str, Used], app: str) -> Used:
    """What an app sends with. Raises `CredentialError`."""
    found = used.get(app)
    if found is None:
        raise CredentialError("no_credential")
    return found
