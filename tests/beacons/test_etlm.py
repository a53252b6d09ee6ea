from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons import etlm
from beacons.frames import EncryptedTlm, Tlm, decode, encode
from tests.beacons.air import TLM, fixed

KEY = bytes(range(16))
TELEMETRY = Tlm(3000, 21.5, 1, 2)

# Message, key, nonce, header, ciphertext and tag: appendix of Bellare, Rogaway, Wagner, "The EAX Mode of Operation".
EAX = [
    (
        "",
        "233952DEE4D5ED5F9B9C6D6FF80FF478",
        "62EC67F9C3A4A407FCB2A8C49031A8B3",
        "6BFB914FD07EAE6B",
        "E037830E8389F27B025A2D6527E79D01",
    ),
    (
        "F7FB",
        "91945D3F4DCBEE0BF45EF52255F095A4",
        "BECAF043B0A23D843194BA972C66DEBD",
        "FA3BFD4806EB53FA",
        "19DD5C4C9331049D0BDAB0277408F67967E5",
    ),
    (
        "1A47CB4933",
        "01F74AD64077F2E704C0F60ADA3DD523",
        "70C3DB4F0D26368400A10ED05D2BFF5E",
        "234A3463C1264AC6",
        "D851D5BAE03A59F238A23E39199DC9266626C40F80",
    ),
    (
        "481C9E39B1",
        "D07CF6CBB7F313BDDE66B727AFD3C5E8",
        "8408DFFF3C1A2B1292DC199E46B7D617",
        "33CCE2EABFF5A79D",
        "632A9D131AD4C168A4225D8E1FF755939974A7BEDE",
    ),
    (
        "40D0C07DA5E4",
        "35B6D0580005BBC12B0587124557D2C2",
        "FDB6B06676EEDC5C61D74276E1F8E816",
        "AEB96EAEBE2970E9",
        "071DFE16C675CB0677E536F73AFE6A14B74EE49844DD",
    ),
    (
        "4DE3B35C3FC039245BD1FB7D",
        "BD8E6E11475E60B268784C38C62FEB22",
        "6EAC5C93072D8E8513F750935E46DA1B",
        "D4482D1CA78DCE0F",
        "835BB4F15D743E350E728414ABB8644FD6CCB86947C5E10590210A4F",
    ),
]


@pytest.mark.parametrize("vector", EAX)
def test_eax_as_published_and_with_its_tag_cut(vector: tuple[str, ...]) -> None:
    message, key, nonce, header, expected = map(bytes.fromhex, vector)
    ciphertext, tag = etlm.eax_encrypt(key, nonce, header, message)
    assert ciphertext + tag == expected
    for size in (16, 2):
        assert etlm.eax_decrypt(key, nonce, header, ciphertext, tag[:size]) == message
    assert etlm.eax_decrypt(key, nonce, header, ciphertext, bytes(16)) is None


@given(fixed(16), st.integers(0, 15), st.integers(0, 2**32 - 1), fixed(2), TLM)
def test_telemetry_is_read_again_within_its_window(
    key: bytes, exponent: int, counter_s: int, salt: bytes, telemetry: Tlm
) -> None:
    frame = etlm.encrypt(key, exponent, counter_s, salt, telemetry)
    assert decode(*encode(frame), Counter()) == frame
    assert etlm.decrypt(key, exponent, counter_s, frame) == telemetry
    assert etlm.decrypt(key, exponent, counter_s >> exponent << exponent, frame) == telemetry


def test_the_nonce_is_the_time_base_then_the_salt() -> None:
    frame = etlm.encrypt(KEY, 4, 0x01020309, b"sa", TELEMETRY)
    ciphertext, tag = etlm.eax_encrypt(
        KEY, bytes.fromhex("01020300") + b"sa", b"", encode(TELEMETRY)[1].popitem()[1][2:]
    )
    assert frame == EncryptedTlm(ciphertext, b"sa", tag[:2])


@given(st.integers(0, 127))
def test_a_flipped_bit_is_not_read(bit: int) -> None:
    frame = etlm.encrypt(KEY, 4, 1000, b"sa", TELEMETRY)
    raw = bytearray(frame.ciphertext + frame.salt + frame.mic)
    raw[bit // 8] ^= 1 << bit % 8
    damaged = EncryptedTlm(bytes(raw[:12]), bytes(raw[12:14]), bytes(raw[14:]))
    # 16 bits of MIC let one in 65,536 through: none of these 128 under this key and salt.
    assert etlm.decrypt(KEY, 4, 1000, damaged) is None


def test_another_key_or_window_does_not_read_it() -> None:
    frame = etlm.encrypt(KEY, 4, 1000, b"sa", TELEMETRY)
    assert etlm.decrypt(KEY, 4, 1008, frame) is None
    assert all(etlm.decrypt(KEY[1:] + bytes((other,)), 4, 1000, frame) is None for other in range(256))


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ValueError, match="the salt has 3 bytes: expected 2"):
        etlm.encrypt(KEY, 4, 0, b"sal", TELEMETRY)
    with pytest.raises(ValueError, match=r"Tlm.battery_mv is -1: expected"):
        etlm.encrypt(KEY, 4, 0, b"sa", Tlm(-1, None, 0, 0))
    with pytest.raises(ValueError, match="the identity key has 0 bytes"):
        etlm.decrypt(b"", 4, 0, EncryptedTlm(bytes(12), b"sa", b"mc"))
