"""The vault under several master keys."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from push.model.vault import MasterKeys, SealError, Vault, key_name, mark_of

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def before_marks(plain: bytes, context: str) -> bytes:
    """As values were sealed when there was one key for ever."""
    nonce = os.urandom(12)
    return nonce + AESGCM(OLD).encrypt(nonce, plain, context.encode())


def test_what_a_former_key_sealed_opens_beside_what_the_present_one_seals() -> None:
    sealed = Vault(OLD).seal(b"secret", "gateway:g")
    vault = Vault(NEW, [OLD])
    assert vault.open(sealed, "gateway:g") == b"secret"
    again = vault.seal(b"secret", "gateway:g")
    assert again.startswith(mark_of(NEW))
    assert Vault(NEW).open(again, "gateway:g") == b"secret"
    with pytest.raises(SealError):
        Vault(OLD).open(again, "gateway:g")


def test_values_from_before_there_were_marks_open_under_any_key_that_sealed_them() -> None:
    sealed = before_marks(b"secret", "gateway:g")
    assert Vault(OLD).open(sealed, "gateway:g") == b"secret"
    assert Vault(NEW, [OLD]).open(sealed, "gateway:g") == b"secret"
    with pytest.raises(SealError):
        Vault(NEW).open(sealed, "gateway:g")


@pytest.mark.parametrize("sealed", [b"", b"\0ff1", mark_of(OLD), mark_of(OLD) + bytes(5), bytes(40)])
def test_what_is_nothing_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(SealError, match="gateway:g"):
        Vault(OLD).open(sealed, "gateway:g")


def test_a_value_belongs_to_its_context() -> None:
    with pytest.raises(SealError, match="gateway:other"):
        Vault(OLD).open(Vault(OLD).seal(b"secret", "gateway:g"), "gateway:other")


def test_fingerprints_stay_when_the_master_key_is_another_one() -> None:
    vault = Vault(OLD)
    before = vault.fingerprint(b"ann@example.com", "address:email")
    kept = vault.fingerprint_key
    vault.use(MasterKeys(NEW, (OLD,)))
    assert vault.fingerprint(b"ann@example.com", "address:email") == before
    later = Vault(NEW)
    later.keep_fingerprints(kept)
    assert later.fingerprint(b"ann@example.com", "address:email") == before


def test_no_repr_tells_a_key() -> None:
    assert repr(MasterKeys(NEW, (OLD,))) == f"MasterKeys({key_name(NEW)}, 1 before)"


@pytest.mark.parametrize("keys", [MasterKeys(b"short"), MasterKeys(NEW, (b"short",))])
def test_a_key_of_another_length_is_refused(keys: MasterKeys) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(keys.current, keys.previous)
