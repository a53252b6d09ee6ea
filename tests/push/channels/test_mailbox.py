"""E-mail addresses: one mailbox in its normal form, or a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.channels import email, mailbox
from push.model.errors import PermanentError

HOSTILE = st.text(alphabet=st.characters() | st.sampled_from("\r\n\x00\x85\u2028:<>@,;\"'=?& \t."), max_size=120)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ada.Lovelace+offers@Shop.Example", "Ada.Lovelace+offers@shop.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ада@пример.example", "ада@xn--e1afmkfd.example"),
        ("a" * 64 + "@shop.example", "a" * 64 + "@shop.example"),
    ],
)
def test_an_address_is_brought_to_its_normal_form(text: str, normal: str) -> None:
    assert str(mailbox.parse(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "@shop.example", "ada@", "ada@@shop.example", "ada@shop", "ada@localhost", "a@b.c, d@e.f",
        "Ada <ada@shop.example>", "<ada@shop.example>", "ada lovelace@shop.example", '"ada l"@shop.example',
        ".ada@shop.example", "ada.@shop.example", "a..b@shop.example", "ada@-shop.example", "ada@shop-.example",
        "ada@shop..example", "ada@.example", "ada@shop.example.", "ada@[127.0.0.1]", "ada@127.0.0.1", "ada@x_y.example",
        "ada@shop.example\r\nRCPT TO:<eve@evil.example>", "ada\n@shop.example", "ada\x00@shop.example",
        "ada\u2028x@shop.example", "ada\u202e@shop.example", "ada\ud800@shop.example", "ada@straße.example",
        "a" * 65 + "@shop.example", "ada@" + "a" * 64 + ".example", "ada@" + "a." * 130 + "example",
        "a" * 64 + "@" + "abcdefg." * 23 + "example", "ä" * 33 + "@shop.example", "ada@shop\u3002example",
    ],
)  # fmt: skip
def test_what_is_not_one_mailbox_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="bad_address"):
        email.target({"email": text})


@pytest.mark.parametrize("address", [{}, {"email": None}, {"email": ["a@b.example"]}, {"email": "a@b.example", "x": 1}])
def test_addresses_of_another_shape_are_refused(address: dict[str, object]) -> None:
    with pytest.raises(PermanentError, match="bad_address"):
        email.target(address)


@given(HOSTILE | st.tuples(HOSTILE, HOSTILE).map("@".join) | HOSTILE.map("{}@shop.example".format))
def test_any_text_is_one_safe_mailbox_or_none(text: str) -> None:
    try:
        found = mailbox.parse(text)
    except ValueError:
        return
    assert len(str(found).encode()) <= 254
    assert str(found).isprintable()
    assert str(found).count("@") == 1
    assert not set(str(found)) & set(' ,;:<>()[]\\"')
