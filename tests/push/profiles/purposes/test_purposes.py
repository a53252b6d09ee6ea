"""Purposes of a site's own, their words by language and country, and how few people are told apart."""

from typing import Any

import msgspec
import pytest

from beacons.registry import Store
from push.profiles.asked import FEW, UNTOLD, Asking, current, masked
from push.profiles.purposes import countries
from push.profiles.purposes.book import Purposes, UnknownPurposeError
from push.profiles.settings import ProfileSettings
from push.settings import PushSettings

LETTER = {
    "name": "newsletter",
    "texts": {"de": ["Rundbrief", "Einmal im Monat."], "de-AT": ["Rundbrief", "Einmal im Monat, aus Wien."]},
    "countries": ["AT", "DE"],
    "double_opt_in": ["DE"],
}


def purposes(*own: Any, minimum_age: int = 16) -> Purposes:  # noqa: ANN401 - settings as TOML has them
    texts: Any = {"de": {"marketing": ("Angebote", "Höchstens eines je Besuch.")}}
    return Purposes(msgspec.convert(own, ProfileSettings.__annotations__["purposes"]), texts, minimum_age)


def test_words_are_of_the_country_before_the_language_alone() -> None:
    book = purposes(LETTER)
    letter = book.named("newsletter")
    assert book.words(letter, "de").text == "Einmal im Monat."
    assert book.words(letter, "de", "AT").text == book.words(letter, "de_AT").text == "Einmal im Monat, aus Wien."
    assert book.words(letter, "fr", "FR").title == "Rundbrief", "better than nothing"
    assert book.words("marketing", "de-CH").title == "Angebote"
    assert book.words("adult", "fr").title == "I am 16 or older"
    assert [book.is_asked(letter, each) for each in ("AT", "CH", "")] == [True, False, False]
    assert [book.confirms(letter, each) for each in ("AT", "DE", "")] == [False, True, True]


def test_only_versions_of_words_that_are_asked_count() -> None:
    book, renamed = purposes(LETTER), purposes({**LETTER, "version": "2026-01"})
    letter = book.named("newsletter")
    german, austrian = book.words(letter, "de").version, book.words(letter, "de", "AT").version
    assert german != austrian
    asked = Asking({letter: german, "marketing": "0" * 16}, "de", "app", "DE")
    assert current(asked, book).versions == {letter: german}
    assert current(asked, renamed).versions == {}
    assert renamed.words(letter, "de").version == renamed.words(letter, "de", "AT").version, "it names both"


def test_an_unknown_purpose_is_told_which_there_are() -> None:
    with pytest.raises(UnknownPurposeError, match=r"there is no purpose 'gossip': one of adult, .*, newsletter"):
        purposes(LETTER).check(["marketing", "gossip"])


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ({"purposes": [{"name": "letter"}]}, "texts of the purpose 'letter'"),
        ({"purposes": [LETTER, LETTER]}, "each purpose once"),
        ({"purposes": [{"name": "adult", "countries": ["DE"]}]}, "minimum_age alone"),
        ({"purposes": [{"name": "No spaces", "texts": {"de": ["a", "b"]}}]}, "matching regex"),
        ({"consent_categories": {"Ads": ["letters"]}}, "consent_categories.Ads, one of adult"),
    ],
)
def test_settings_that_cannot_be_are_refused(profiles: dict[str, Any], expected: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=expected):
        msgspec.convert({"profiles": profiles}, PushSettings)


def test_texts_of_a_purpose_that_nobody_set_up_are_refused() -> None:
    asked = {"app": {"consent_texts": {"de": {"letters": ["a", "b"]}}}}
    with pytest.raises(msgspec.ValidationError, match=r"app.consent_texts.de, one of adult"):
        msgspec.convert(asked, PushSettings)


@pytest.mark.parametrize(
    ("said", "country"),
    [
        ({"address": "Ring 1, 1010 Wien, AT"}, "AT"),
        ({"address": "Bahnhofstr. 2, Zürich, Switzerland"}, "CH"),
        ({"address": "Ring 1", "holidays": "AT-9"}, "AT"),
        ({"address": "Ring 1", "time_zone": "Europe/Zurich"}, "CH"),
    ],
)
def test_a_store_says_where_it_is(said: dict[str, str], country: str) -> None:
    assert countries.of_store(Store(id="s", name="S", **said)) == country  # type: ignore[arg-type] # all of them are texts


def test_no_part_of_a_known_sum_gives_a_small_one_away() -> None:
    assert masked([20, 10, 5]) == [20, 10, 5]
    assert masked([20, 10, 0]) == [20, UNTOLD, FEW]
    assert masked([20, 1, 0]) == [20, FEW, FEW]
