"""A date of birth says whether somebody is of age, where the source is proven, and only how old she is."""

import pytest
from msgspec.structs import replace

from push.model.profiles import Authority
from push.profiles.collect.consents import Rules, words
from tests.support.keyrings import NOVEMBER_MS
from tests.support.purchases import event


@pytest.mark.parametrize(
    ("authority", "birthday", "said"),
    [
        ("server", "2010-11-22", [("adult", True, True)]),
        ("server", "2010-11-23", [("adult", False, False)]),
        ("proven", "1990-01-01", [("adult", True, False)]),
        ("publishable", "1990-01-01", []),
        ("server", "--01-01", []),
        ("server", "1900-01-01", []),
    ],
)
def test_who_is_old_enough(authority: Authority, birthday: str, said: list[tuple[str, bool, bool]]) -> None:
    """What a server key says for her never overrides her own word, unless she is too young."""
    told = replace(event("", NOVEMBER_MS, "st-1"), kind="identify", traits={"birthday": birthday}, authority=authority)
    found = [(word.purpose, word.granted, word.how.claimed) for word in words(told, "shp", Rules({}, 16))]
    assert found == said
    assert words(told, "shp", Rules({}, 0)) == []
    assert words(replace(told, kind="track"), "shp", Rules({}, 16)) == []
