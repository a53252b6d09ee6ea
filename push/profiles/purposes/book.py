"""Which purposes there are, and the words in which they are asked. Pure, and never changed once it is made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from push.model.people import PURPOSES, Added, Purpose
from push.profiles.purposes.countries import of_locale
from push.profiles.purposes.settings import PurposeSettings, Texts
from push.profiles.purposes.texts import PURPOSE_TEXTS

_VERSION_DIGITS: Final = 16
"""Of the SHA-256 of a text: enough that no two texts of one shop have the same."""
_FALLBACK: Final = "en"
_SHOWN: Final = 40
"""Characters of a name that an error repeats: it may be anything."""


class UnknownPurposeError(ValueError):
    """A purpose that nobody set up; says which there are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Build the message."""
        super().__init__(f"there is no purpose {name[:_SHOWN]!r}: one of {', '.join(known)} was expected")
        self.name = name


class Words(msgspec.Struct, frozen=True):
    """A purpose as people are asked: `version` names these words."""

    title: str
    text: str
    version: str


class Purposes:
    """The built-in purposes and the site's own."""

    def __init__(
        self, settings: Sequence[PurposeSettings] = (), texts: Texts | None = None, minimum_age: int = 0
    ) -> None:
        self._settings: Mapping[Purpose, PurposeSettings] = {one.name: one for one in settings}
        self._texts = {tag.lower(): words for tag, words in (texts or {}).items()}
        self._age = str(minimum_age)
        own = tuple(one.name for one in settings if one.name not in PURPOSES)
        self.known: tuple[Purpose, ...] = (*PURPOSES, *own)
        """The built-in ones, and then the site's own, in the order of the settings."""
        self.own: frozenset[Purpose] = frozenset(own)
        self.countries: frozenset[str] = frozenset(
            {*map(of_locale, self._texts), *(country for one in settings for country in one.everywhere)} - {""}
        )
        """What any setting names."""
        self._versions = {purpose: self._all_words(purpose) for purpose in self.known}

    def named(self, name: str) -> Purpose:
        """The purpose of this name. Raises `UnknownPurposeError`."""
        if name in PURPOSES or name in self.own:
            return Added(name)
        raise UnknownPurposeError(name, self.known)

    def check(self, names: Iterable[str]) -> None:
        """Raise `UnknownPurposeError` for the first of these that is none."""
        for name in names:
            self.named(name)

    def is_asked(self, purpose: Purpose, country: str) -> bool:
        """Whether people in a country (empty: nobody knows which) are asked at all."""
        one = self._settings.get(purpose)
        return one is None or not one.countries or country in one.countries

    def confirms(self, purpose: Purpose, country: str) -> bool:
        """Whether a yes waits there until it is confirmed by mail."""
        one = self._settings.get(purpose)
        return one is not None and one.confirms(country)

    def words(self, purpose: Purpose, locale: str, country: str = "") -> Words:
        """In which words a purpose is asked (RFC 4647 section 3.4): of a country before those of the language alone."""
        said = None
        for tag in _tags(locale, country):
            said = self._of_tag(purpose, tag) or said
        return self._made(purpose, said or self._otherwise(purpose))

    def counts(self, purpose: Purpose, version: str) -> bool:
        """Whether a version names words that are asked at present."""
        return version in self._versions.get(purpose, {})

    def shown(self, purpose: Purpose, version: str) -> Words | None:
        """The words that a version names, None where they are asked no more."""
        return self._versions.get(purpose, {}).get(version)

    def _all_words(self, purpose: Purpose) -> dict[str, Words]:
        made = [self._made(purpose, said) for said in self._said(purpose)]
        return {one.version: one for one in reversed(made)}

    def _said(self, purpose: Purpose) -> Iterator[tuple[str, str]]:
        yield self._otherwise(purpose)
        one = self._settings.get(purpose)
        yield from () if one is None else one.texts.values()
        yield from (words[purpose] for words in self._texts.values() if purpose in words)

    def _of_tag(self, purpose: Purpose, tag: str) -> tuple[str, str] | None:
        one = self._settings.get(purpose)
        own = {} if one is None else {known.lower(): said for known, said in one.texts.items()}
        return own.get(tag) or self._texts.get(tag, {}).get(purpose)

    def _otherwise(self, purpose: Purpose) -> tuple[str, str]:
        """Where nothing is said in her language: Footfall's words; of the site's own English, or what there is."""
        built_in = PURPOSE_TEXTS.get(purpose)
        if built_in is not None:
            return built_in
        texts = self._settings[purpose].texts
        return texts.get(_FALLBACK) or next(iter(texts.values()))

    def _made(self, purpose: Purpose, said: tuple[str, str]) -> Words:
        title, text = (part.replace("{age}", self._age) for part in said)
        one = self._settings.get(purpose)
        if one is not None and one.version:
            return Words(title, text, _hashed(f"{purpose}\n{one.version}"))
        return Words(title, text, _hashed(f"{title}\n{text}"))


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


def _tags(locale: str, country: str) -> Iterator[str]:
    """Tags whose words hold, the most particular last: for ``de`` in Austria ``de``, and then ``de-at``."""
    parts = locale.replace("_", "-").lower().split("-")
    yield from ("-".join(parts[:end]) for end in range(1, len(parts) + 1))
    if country:
        yield f"{parts[0]}-{country.lower()}"
