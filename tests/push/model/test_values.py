"""Sealing, tokens, ids, and the state machine of a delivery."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.delivery import NEXT, State, entries
from push.model.errors import OverloadedError
from push.model.ids import derived, fresh
from push.model.tokens import new_token, token_hash
from push.model.vault import SealError, Vault

VAULT = Vault(b"\1" * 32)


@given(plain=st.binary(max_size=200), context=st.text(max_size=50))
def test_what_is_sealed_opens_for_its_context(plain: bytes, context: str) -> None:
    assert VAULT.open(VAULT.seal(plain, context), context) == plain


def test_a_seal_never_looks_the_same_and_never_shows_what_it_holds() -> None:
    first, second = VAULT.seal(b"secret", "a"), VAULT.seal(b"secret", "a")
    assert first != second
    assert b"secret" not in first


@given(plain=st.binary(max_size=50), other=st.text(max_size=20))
def test_another_context_does_not_open_it(plain: bytes, other: str) -> None:
    sealed = VAULT.seal(plain, "gateway:g1")
    if other != "gateway:g1":
        with pytest.raises(SealError):
            VAULT.open(sealed, other)


def test_another_master_key_does_not_open_it_and_the_message_says_what_to_look_at() -> None:
    sealed = VAULT.seal(b"secret", "gateway:g1")
    with pytest.raises(SealError, match=r"gateway:g1 does not open: is this the master key") as caught:
        Vault(b"\2" * 32).open(sealed, "gateway:g1")
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=100))
def test_no_bytes_open_by_chance(raw: bytes) -> None:
    with pytest.raises(SealError):
        VAULT.open(raw, "x")


@given(at=st.integers(0, 40), flip=st.integers(1, 255))
def test_one_changed_byte_closes_a_seal(at: int, flip: int) -> None:
    sealed = bytearray(VAULT.seal(b"a secret of 16 b", "x"))
    sealed[at % len(sealed)] ^= flip
    with pytest.raises(SealError):
        VAULT.open(bytes(sealed), "x")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_master_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes was expected, got {size}"):
        Vault(bytes(size))


def test_tokens_say_what_they_are_for_and_are_kept_as_hashes() -> None:
    token = new_token("device")
    assert re.fullmatch(r"ff_device_[A-Za-z0-9_-]{43}", token)
    assert new_token("device") != token
    assert re.fullmatch(r"[0-9a-f]{64}", token_hash(token))
    assert token_hash(token) == token_hash(token) != token_hash(token + " ")


def test_fresh_ids_differ_and_derived_ids_repeat() -> None:
    assert fresh("dev") != fresh("dev")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", fresh("dev"))
    assert derived("mom", "v", "left", None, 0) == derived("mom", "v", "left", None, 0)
    assert derived("mom", "a", "bc") != derived("mom", "ab", "c"), "where one part ends is part of it"


def test_terminal_states_are_left_by_no_way() -> None:
    for state in State:
        assert state.is_terminal == (not NEXT[state])
        for way in NEXT[state]:
            assert state.value in entries(way)
    assert {s for s in State if s.is_terminal} == {State.OPENED, State.EXPIRED, State.CANCELLED, State.FAILED}


def test_too_much_of_something_says_of_what() -> None:
    assert OverloadedError("reports").what == "reports"
