"""Encrypted telemetry of Eddystone-EID beacons: AES-EAX under the identity key.

Source: eddystone-tlm/tlm-encrypted.md of google/eddystone ("eTLM"); EAX: M. Bellare, P. Rogaway, D. Wagner,
"The EAX Mode of Operation", FSE 2004, figure 3. The nonce is the beacon's counter with its K lowest bits
cleared (32 bits) and a salt (16 bits), both big-endian; the tag is cut to 16 bits, so one forgery in 65,536
passes: telemetry informs, it decides nothing.
"""

from hmac import compare_digest
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.cmac import CMAC

from beacons import eid
from beacons.frames import EncryptedTlm, Tlm
from beacons.frames.decoding import tlm
from beacons.frames.encoding import checked, tlm_body

SALT_BYTES: Final = 2
MIC_BYTES: Final = 2

_NONCE, _HEADER, _CIPHERTEXT = range(3)  # the numbers that tell the three uses of OMAC apart (EAX, figure 3)


def encrypt(identity_key: bytes, exponent: int, counter_s: int, salt: bytes, telemetry: Tlm) -> EncryptedTlm:
    """What a beacon whose counter reads `counter_s` sends instead of `telemetry`; a fresh random salt each time.

    Raises ValueError for a key, exponent or counter as `eid.compute` does, for a salt that is not 2 bytes,
    and for telemetry that cannot stand on air.
    """
    nonce = _nonce(identity_key, exponent, counter_s, salt)
    ciphertext, tag = eax_encrypt(identity_key, nonce, b"", tlm_body(checked(telemetry)))
    return EncryptedTlm(ciphertext, salt, tag[:MIC_BYTES])


def decrypt(identity_key: bytes, exponent: int, counter_s: int, frame: EncryptedTlm) -> Tlm | None:
    """The telemetry, or None where the integrity check fails: another beacon's, another window's, or damaged.

    Raises ValueError for a key, exponent or counter as `eid.compute` does.
    """
    nonce = _nonce(identity_key, exponent, counter_s, frame.salt)
    body = eax_decrypt(identity_key, nonce, b"", frame.ciphertext, frame.mic)
    return None if body is None else tlm(body)


def eax_encrypt(key: bytes, nonce: bytes, header: bytes, message: bytes) -> tuple[bytes, bytes]:
    """(ciphertext as long as the message, tag of 16 bytes) of AES-EAX; a shorter tag is its leading bytes."""
    ciphertext = _ctr(key, nonce, message)
    return ciphertext, _tag(key, nonce, header, ciphertext)


def eax_decrypt(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes, tag: bytes) -> bytes | None:
    """The message of AES-EAX, or None where the tag, of whatever length it was cut to, does not fit."""
    if not compare_digest(_tag(key, nonce, header, ciphertext)[: len(tag)], tag):
        return None
    return _ctr(key, nonce, ciphertext)


def _nonce(identity_key: bytes, exponent: int, counter_s: int, salt: bytes) -> bytes:
    eid.check(identity_key, exponent, counter_s)
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt has {len(salt)} bytes: expected {SALT_BYTES}")
    # eTLM, "Computing the encrypted TLM data", step 1: the time base of the EID, then the salt.
    return eid.window_start_s(exponent, counter_s).to_bytes(4, "big") + salt


def _omac(key: bytes, use: int, data: bytes) -> bytes:
    # EAX, section 3: OMAC over the use's number as one block, then the data; OMAC1 is CMAC.
    mac = CMAC(AES(key))
    mac.update(use.to_bytes(eid.BLOCK, "big") + data)
    return mac.finalize()


def _ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    # CTR works both ways.
    return Cipher(AES(key), CTR(_omac(key, _NONCE, nonce))).encryptor().update(data)


def _tag(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes) -> bytes:
    macs = (_omac(key, _NONCE, nonce), _omac(key, _HEADER, header), _omac(key, _CIPHERTEXT, ciphertext))
    one, two, three = (int.from_bytes(mac, "big") for mac in macs)
    return (one ^ two ^ three).to_bytes(eid.BLOCK, "big")
