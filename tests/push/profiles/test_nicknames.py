"""Names that may stand on a wall: of any script, and nothing that is no name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.profiles.nicknames import MOST_LETTERS, NicknameError, cleaned


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ("Anouk", "Anouk"),
        ("  Anouk   van  B ", "Anouk van B"),
        ("Zoë 7", "Zoë 7"),
        ("Zoe\u0308", "Zoë"),
        ("محمد", "محمد"),
        ("אַבְרָהָם", "אַבְרָהָם"),
        ("小林", "小林"),
        ("स्नेहा", "स्नेहा"),
        ("ปุ้ย", "ปุ้ย"),
        ("x" * MOST_LETTERS, "x" * MOST_LETTERS),
    ],
)
def test_names_of_any_script_are_taken_as_they_are_written(given_: str, shown: str) -> None:
    assert cleaned(given_) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "x" * (MOST_LETTERS + 1), "\t", "a\nb", "a\0b", "\u202eknuoA", "a\u200bb", "\u2066a\u2069",
        "ann@example", "ann.example", "ann/b", "<b>", "a&b", "0171 2345678", "٠١٢", "12", "www shop com",
        "see https ann", "\u0301a", "a \u0301b", "a" + "\u0301" * 8, "\u3164", "\u115f\u1160", "a\ufe0f", "a\u20dd",
        "😀", "A\N{NO-BREAK SPACE}B", "\ud800",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(NicknameError) as caught:
        cleaned(text)
    if len(text) > 3:
        assert text not in str(caught.value)


@given(st.text(max_size=30))
def test_what_is_taken_is_short_and_plain_and_taken_again_alike(text: str) -> None:
    try:
        name = cleaned(text)
    except NicknameError:
        return
    assert 1 <= len(name) <= MOST_LETTERS
    assert cleaned(name) == name == name.strip()
    assert not {unicodedata.category(c)[0] for c in name if c != " "} - {"L", "M", "N"}
    assert all(unicodedata.category(c) not in {"Cf", "Cc", "Co", "Cs", "Zl", "Zp"} for c in name)
