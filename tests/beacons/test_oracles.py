"""Other people's decoders as independent oracles, and each known case in which one of them is wrong."""

from collections import Counter
from typing import Any

import aioblescan
import beacontools
import pytest
from aioblescan.plugins import EddyStone
from home_assistant_bluetooth import BluetoothServiceInfo
from hypothesis import assume, example, given
from hypothesis import strategies as st
from ibeacon_ble import iBeaconParser

from beacons import ad
from beacons.frames import AltBeacon, EddystoneUid, EddystoneUrl, Eid, EncryptedTlm, Frame, IBeacon, Tlm, decode, encode
from tests.beacons.air import FRAMES, POWER, URL, fixed, unsigned

ADDRESS = "somebody"  # no hardware address, so that no vendor is looked up
ANY = {
    IBeacon: st.builds(IBeacon, fixed(16), unsigned(2), unsigned(2), POWER),
    EddystoneUid: st.builds(EddystoneUid, POWER, fixed(10), fixed(6)),
    EddystoneUrl: st.builds(EddystoneUrl, POWER, URL),
    EncryptedTlm: st.builds(EncryptedTlm, fixed(12), fixed(2), fixed(2)),
    Eid: st.builds(Eid, POWER, fixed(8)),
}
# beacontools reads the temperature as unsigned: right from 0 to 127.99 degrees.
WARM_TLM = st.builds(Tlm, unsigned(2), st.integers(0, 0x7FFF).map(lambda n: n / 256), unsigned(4), unsigned(4))
# aioblescan reads battery and counters as signed: right up to half of their range.
SMALL_TLM = st.builds(
    Tlm,
    st.integers(0, 0x7FFF),
    st.integers(-0x7FFF, 0x7FFF).map(lambda n: n / 256),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**31 - 1),
)


def heard_by_beacontools(frame: Frame) -> Any:  # noqa: ANN401 - one of its untyped classes
    return beacontools.parse_packet(ad.join(*encode(frame)))


def heard_by_aioblescan(frame: Frame) -> Any:  # noqa: ANN401 - an untyped dict
    payload = ad.join(*encode(frame))
    report = bytes.fromhex("02010300010203040506") + bytes((len(payload),)) + payload + b"\xc5"
    event = aioblescan.HCI_Event()
    event.decode(b"\x04\x3e" + bytes((len(report),)) + report)
    return EddyStone().decode(event)


def heard_by_ibeacon_ble(frame: IBeacon, trailing: bytes = b"") -> Any:  # noqa: ANN401 - untyped here
    manufacturer_data = {company: data + trailing for company, data in encode(frame)[0].items()}
    info = BluetoothServiceInfo(
        name=ADDRESS,
        address=ADDRESS,
        rssi=-60,
        manufacturer_data=manufacturer_data,
        service_data={},
        service_uuids=[],
        source="local",
    )
    return iBeaconParser().parse(info)


@given(ANY[IBeacon], st.binary(max_size=4))
def test_ibeacon_ble_hears_the_same(frame: IBeacon, trailing: bytes) -> None:
    theirs = heard_by_ibeacon_ble(frame, trailing)
    assert IBeacon(theirs.uuid.bytes, theirs.major, theirs.minor, theirs.power) == frame


def test_ibeacon_ble_leaves_out_some_vendors() -> None:
    tilt = IBeacon(bytes.fromhex("A495BB10C5B14B44B5121370F02D74DE"), 68, 1010, -59)
    assert heard_by_ibeacon_ble(tilt) is None
    assert decode(*encode(tilt), Counter()) == tilt


@given(ANY[IBeacon])
def test_beacontools_hears_the_same_ibeacon(frame: IBeacon) -> None:
    theirs = heard_by_beacontools(frame)
    uuid = bytes.fromhex(theirs.uuid.replace("-", ""))
    assert IBeacon(uuid, theirs.major, theirs.minor, theirs.tx_power) == frame


@given(ANY[EddystoneUid])
def test_beacontools_and_aioblescan_hear_the_same_uid(frame: EddystoneUid) -> None:
    theirs, others = heard_by_beacontools(frame), heard_by_aioblescan(frame)
    assert EddystoneUid(theirs.tx_power, bytes.fromhex(theirs.namespace), bytes.fromhex(theirs.instance)) == frame
    assert EddystoneUid(others["tx_power"], others["name space"], others["instance"]) == frame


@given(ANY[EddystoneUrl])
def test_beacontools_hears_the_same_url(frame: EddystoneUrl) -> None:
    theirs = heard_by_beacontools(frame)
    assert EddystoneUrl(theirs.tx_power, theirs.url) == frame


@given(ANY[EddystoneUrl])
@example(EddystoneUrl(-20, "https://www.example.org/shop"))
def test_aioblescan_hears_the_same_url_where_it_knows_the_codes(frame: EddystoneUrl) -> None:
    _, service_data = encode(frame)
    text = next(iter(service_data.values()))[3:]
    assume(not {0x0A, 0x0B, 0x0C, 0x0D} & set(text))
    assume(any(code > 0x0D for code in text))
    theirs = heard_by_aioblescan(frame)
    assert EddystoneUrl(theirs["tx_power"], theirs["url"]) == frame


@pytest.mark.parametrize("ending", [".net", ".info", ".biz", ".gov"])
def test_aioblescan_looks_for_four_endings_at_the_wrong_codes(ending: str) -> None:
    # It reads the table's decimal 10 to 13 as 0x10 to 0x13.
    frame = EddystoneUrl(-20, f"https://shop{ending}?a")
    assert heard_by_aioblescan(frame)["url"] != frame.url
    assert decode(*encode(frame), Counter()) == frame


def test_aioblescan_fails_on_a_url_of_codes_alone() -> None:
    frame = EddystoneUrl(-20, "https://www..com/")
    with pytest.raises(TypeError):
        heard_by_aioblescan(frame)
    assert decode(*encode(frame), Counter()) == frame


@given(WARM_TLM)
def test_beacontools_hears_the_same_telemetry_where_it_is_warm(frame: Tlm) -> None:
    theirs = heard_by_beacontools(frame)
    assert Tlm(theirs.voltage, theirs.temperature, theirs.advertising_count, theirs.seconds_since_boot) == frame


def test_beacontools_takes_frost_for_heat() -> None:
    frame = Tlm(3000, -3.5, 1, 2)
    assert heard_by_beacontools(frame).temperature == 252.5
    assert decode(*encode(frame), Counter()) == frame


@given(SMALL_TLM)
def test_aioblescan_hears_the_same_telemetry_where_numbers_are_small(frame: Tlm) -> None:
    theirs = heard_by_aioblescan(frame)
    uptime_ds = theirs["uptime"] // 100
    assert Tlm(theirs["battery"], theirs["temperature"], theirs["pdu count"], uptime_ds) == frame


def test_aioblescan_takes_large_counters_for_negative_ones() -> None:
    frame = Tlm(0, 0.0, 2**31, 0)
    assert heard_by_aioblescan(frame)["pdu count"] == -(2**31)
    assert decode(*encode(frame), Counter()) == frame


@given(ANY[EncryptedTlm])
def test_beacontools_hears_the_same_encrypted_telemetry_with_its_numbers_turned_round(frame: EncryptedTlm) -> None:
    theirs = heard_by_beacontools(frame)
    # All multi-byte values are big-endian (tlm-encrypted.md); it reads salt and MIC as little-endian.
    salt, mic = theirs.salt.to_bytes(2, "little"), theirs.mic.to_bytes(2, "little")
    assert EncryptedTlm(theirs.encrypted_data, salt, mic) == frame


@given(ANY[Eid])
def test_beacontools_hears_the_same_eid(frame: Eid) -> None:
    theirs = heard_by_beacontools(frame)
    assert Eid(theirs.tx_power, theirs.eid) == frame


def test_aioblescan_fails_on_an_eid() -> None:
    with pytest.raises(NameError, match="Itself"):
        heard_by_aioblescan(Eid(-20, b"rotating"))


def test_beacontools_does_not_know_altbeacon() -> None:
    assert heard_by_beacontools(AltBeacon(0x0118, bytes(20), -60, 0)) is None


@given(FRAMES)
def test_beacontools_never_takes_one_kind_for_another(frame: Frame) -> None:
    theirs = heard_by_beacontools(frame)
    names = {
        IBeacon: "IBeaconAdvertisement",
        EddystoneUid: "EddystoneUIDFrame",
        EddystoneUrl: "EddystoneURLFrame",
        Tlm: "EddystoneTLMFrame",
        EncryptedTlm: "EddystoneEncryptedTLMFrame",
        Eid: "EddystoneEIDFrame",
        AltBeacon: "NoneType",
    }
    assert type(theirs).__name__ == names[type(frame)]
