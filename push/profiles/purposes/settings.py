"""What people are asked beside the built-in purposes, and where: ``[[push.profiles.purposes]]``, typed."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from push.model.people import PURPOSES, Locale, Purpose
from push.profiles.purposes.countries import of_locale

Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
"""As ISO 3166-1 alpha-2 spells it."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Texts = Mapping[str, Mapping[Purpose, tuple[str, str]]]
"""Title and benefit of purposes, by locale."""
MOST: int = 50
"""Of the site's own: whoever is asked more reads none of it."""


class PurposeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A purpose of the site's own, or how a built-in one is asked."""

    name: Purpose
    texts: dict[Locale, tuple[Text, Text]] = {}
    """Title and benefit, by language or language and country; before `push.app.consent_texts`."""
    version: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """Names these words in all languages; empty: each text is its own version, whichever letter changes."""
    countries: Annotated[tuple[Country, ...], msgspec.Meta(max_length=250)] = ()
    """Where it is asked; none: everywhere."""
    double_opt_in: bool | tuple[Country, ...] = False
    """Whether, or where, a yes waits until it is confirmed by mail."""

    @property
    def everywhere(self) -> frozenset[str]:
        """All countries that it names."""
        confirmed = () if isinstance(self.double_opt_in, bool) else self.double_opt_in
        return frozenset((*self.countries, *confirmed, *map(of_locale, self.texts)))

    def confirms(self, country: str) -> bool:
        """Whether a yes waits there until it is confirmed by mail; where nobody knows the country, the strictest."""
        where = self.double_opt_in
        return where if isinstance(where, bool) else bool(where) and (not country or country in where)


def check_purposes(purposes: Sequence[PurposeSettings]) -> None:
    """Raise ValueError for what cannot be asked."""
    names = [one.name for one in purposes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected each purpose once, found {twice[0]!r} again")
    if len(names) > MOST:
        raise ValueError(f"expected at most {MOST} purposes")
    for one in purposes:
        if one.name not in PURPOSES and not one.texts:
            raise ValueError(f"expected texts of the purpose {one.name!r}: a title and its benefit, by locale")
        if one.name == "adult" and (one.countries or one.double_opt_in):
            raise ValueError(
                "expected no countries and no double_opt_in of `adult`: minimum_age alone says who is asked"
            )


def refuse_unknown(where: str, names: Sequence[str], purposes: Sequence[PurposeSettings]) -> None:
    """Raise ValueError where a setting names a purpose that is none."""
    known = {*PURPOSES, *(one.name for one in purposes)}
    for name in names:
        if name not in known:
            raise ValueError(f"expected a purpose in {where}, one of {', '.join(sorted(known))}, found {name!r}")
