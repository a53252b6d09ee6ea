"""The book in memory says what the database would: nothing until it is granted, nothing after it is withdrawn."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from push.model.people import PURPOSES, Purpose
from push.profiles.consent import ConsentBook

changes = st.lists(
    st.tuples(st.sampled_from(["ann", "bob"]), st.dictionaries(st.sampled_from(PURPOSES), st.booleans())), max_size=20
)


class Granted:
    """`push.model.ports.Queries` with what is granted."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    async def fetch(self, name: str, /, **params: object) -> list[Mapping[str, Any]]:
        assert (name, params) == ("profiles.all_granted", {})
        return list(self._rows)

    async def fetch_one(self, name: str, /, **params: object) -> None:
        raise NotImplementedError(name, params)


@given(changes)
def test_the_last_word_on_a_purpose_counts_and_silence_denies(said: list[tuple[str, dict[Purpose, bool]]]) -> None:
    book, last = ConsentBook(), dict[tuple[str, Purpose], bool]()
    for shopper, purposes in said:
        book.note(shopper, purposes)
        last |= {(shopper, purpose): yes for purpose, yes in purposes.items()}
        for who in ("ann", "bob", "nobody"):
            for purpose in PURPOSES:
                assert book.allows(who, purpose) == last.get((who, purpose), False)


async def test_loading_replaces_what_the_book_held() -> None:
    book = ConsentBook()
    book.note("ann", {"location": True})
    await book.load(Granted([{"shopper": "bob", "purpose": "location"}, {"shopper": "bob", "purpose": "inapp"}]))
    assert not book.allows("ann", "location")
    assert book.allows("bob", "location")
    assert book.allows("bob", "inapp")
    assert not book.allows("bob", "marketing")
