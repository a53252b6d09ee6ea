"""What other people's gateways really say, as their own documents and issues show it, and what nobody should say."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.ad import join
from beacons.frames import AltBeacon, EddystoneUid, Eid, Frame, IBeacon, encode
from beacons.ids import IdKind
from push.ingest.foreign import espresense, raddec, theengs
from push.ingest.foreign.told import MAX_BYTES, ForeignError, Told

UUID = bytes.fromhex("1de4b189115e45f6b44e509352269977")
RADIOLAND = bytes.fromhex("fda50693a4e24fb1afcfc6eb076478250064ffff")
EID = Eid(tx_power_dbm=-20, eid=bytes(range(8)))
UID = EddystoneUid(tx_power_dbm=-20, namespace=bytes(range(10)), instance=bytes(range(6)))
ALTBEACON = AltBeacon(company=0x0118, beacon_id=bytes(range(20)), reference_rssi_dbm=-59, reserved=0)

OMG = "home/OpenMQTTGateway/BTtoMQTT/58782076BC24"
"""docs.openmqttgateway.com/use/ble.html, "Setting if the gateway uses iBeacon UUID as topic", the first message."""
OMG_SAID = (
    b'{"id":"58:78:20:76:BC:24","mac_type":1,"rssi":-79,"brand":"GENERIC","model":"iBeacon","model_id":"IBEACON",'
    b'"mfid":"4c00","uuid":"1de4b189115e45f6b44e509352269977","major":0,"minor":0,"txpower":-66}'
)
THERMOMETER = (
    b'{"id":"11:22:33:44:55:66","mac_type":0,"adv_type":0,"name":"Qingping Motion & Light","rssi":-93,'
    b'"servicedata":"88121122334455660201520f0126090403000000","servicedatauuid":"0xfdcd","brand":"Qingping",'
    b'"model":"Motion & Light","model_id":"CGPR1","lux":3,"batt":82}'
)
"""The same page, "Advertisement and advanced data"."""
ESPRESENSE = "espresense/devices/iBeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825-100-65535/kitchen"
"""The id as ESPresense's issue 475 shows it, beside the manufacturer data that it was made of."""
ESPRESENSE_SAID = b'{"rssi@1m":-65,"rssi":-99,"raw":9.36,"distance":8.88,"speed":0.1}'
"""ESPresense's issue 182."""
REEL = {
    "transmitterId": "fee150bada55",
    "transmitterIdType": 3,
    "rssiSignature": [
        {"receiverId": "001bc50940810000", "receiverIdType": 1, "rssi": -83, "numberOfDecodings": 1},
        {"receiverId": "001bc50940810001", "receiverIdType": 1, "rssi": -91, "numberOfDecodings": 1},
    ],
    "packets": ["421655daba50e1fe0201050c097265656c79416374697665"],
    "timestamp": 1547693457133,
}
"""The README of barnowl-reel."""


def raw(frame: Frame) -> dict[str, object]:
    """A frame in the fields of what Theengs Decoder does not decode."""
    manufacturer, service = encode(frame)
    said: dict[str, object] = {"id": "AA:BB:CC:DD:EE:FF", "rssi": -60}
    for company, data in manufacturer.items():
        said["manufacturerdata"] = company.to_bytes(2, "little").hex() + data.hex()
    for uuid, data in service.items():
        said |= {"servicedatauuid": uuid[4:8], "servicedata": data.hex()}
    return said


def pdu(frame: Frame, kind: int = 0x42) -> str:
    """A frame as the link layer carries it: ADV_NONCONN_IND from a random address."""
    data = bytes(6) + join(*encode(frame))
    return bytes((kind, len(data))).hex() + data.hex()


def ids(told: Told) -> list[tuple[str, IdKind, bytes, int, int]]:
    return [(h.gateway, h.spoken.kind, h.spoken.id, h.rssi_dbm, h.packets) for h in told.heard]


def test_an_ibeacon_as_openmqttgateway_decodes_it() -> None:
    told = theengs.translate(OMG, OMG_SAID)
    assert ids(told) == [("OpenMQTTGateway", IdKind.IBEACON, UUID + bytes(4), -79, 1)]
    assert told.heard[0].spoken.power_1m_dbm == -66


def test_a_minor_that_theengs_reads_as_a_signed_number() -> None:
    """As Theengs Decoder 2.5.0 answers to the advertisement of RADIOLAND."""
    said = {"rssi": -60, "uuid": RADIOLAND[:16].hex(), "major": 100, "minor": -1, "txpower": -59}
    assert ids(theengs.translate("shop/door/BTtoMQTT/A1", json.dumps(said).encode())) == [
        ("door", IdKind.IBEACON, RADIOLAND, -60, 1)
    ]


@pytest.mark.parametrize(
    ("frame", "kind", "identity"),
    [
        (EID, IdKind.EID, EID.eid),
        (UID, IdKind.UID, UID.namespace + UID.instance),
        (ALTBEACON, IdKind.ALTBEACON, ALTBEACON.beacon_id),
        (IBeacon(uuid=UUID, major=1, minor=2, measured_power_dbm=-59), IdKind.IBEACON, UUID + b"\0\1\0\2"),
    ],
)
def test_what_theengs_cannot_decode_it_sends_raw(frame: Frame, kind: IdKind, identity: bytes) -> None:
    told = theengs.translate("shop/door/BTtoMQTT/A1", json.dumps(raw(frame)).encode())
    assert ids(told) == [("door", kind, identity, -60, 1)]


@pytest.mark.parametrize("said", [THERMOMETER, b'{"id":"AA:BB:CC:DD:EE:FF","presence":"absent"}'])
def test_what_is_no_beacon_is_a_sign_of_life(said: bytes) -> None:
    assert theengs.translate(OMG, said) == Told(("OpenMQTTGateway",))


def test_an_ibeacon_as_espresense_names_it() -> None:
    told = espresense.translate(ESPRESENSE, ESPRESENSE_SAID)
    assert ids(told) == [("kitchen", IdKind.IBEACON, RADIOLAND, -99, 1)]
    assert told.heard[0].spoken.power_1m_dbm == -65
    newer = b'{"mac":"5a3f1c9d0e42","id":"iBeacon:1de4b189-115e-45f6-b44e-509352269977-1-2","rssi":-72.35,"int":1032}'
    assert ids(espresense.translate("espresense/devices/phone:ann/door", newer)) == [
        ("door", IdKind.IBEACON, UUID + b"\0\1\0\2", -72, 1)
    ]


def test_an_eddystone_whose_fifth_byte_espresense_prints_twice() -> None:
    """As the format in its BleFingerprint.cpp has it; and as it would be without that."""
    namespace, instance = UID.namespace.hex(), UID.instance.hex()
    for printed in (namespace[:10] + namespace[8:10] + namespace[10:], namespace):
        told = espresense.translate(f"espresense/devices/eddy:{printed}-{instance}/door", b'{"rssi":-70}')
        assert ids(told) == [("door", IdKind.UID, UID.namespace + UID.instance, -70, 1)]


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("espresense/devices/apple:1005:9-12/door", b'{"rssi":-70}'),
        ("espresense/devices/known:aabbccddeeff/door/battery", b"97"),
        ("espresense/devices/eddy:00112233445566778899aa-001122334455/door", b'{"rssi":-70}'),
    ],
)
def test_devices_that_are_no_beacons_are_a_sign_of_life(topic: str, said: bytes) -> None:
    assert espresense.translate(topic, said) == Told(("door",))


def test_a_raddec_tells_of_every_receiver() -> None:
    assert raddec.translate("", json.dumps(REEL).encode()) == Told(("001bc50940810000", "001bc50940810001"))
    both = {**REEL, "packets": [pdu(EID), pdu(ALTBEACON), pdu(EID, 0x41), "42"]}
    both["rssiSignature"] = [{"receiverId": "00-1B-C5", "rssi": -69, "numberOfDecodings": 5}, {**_nobody(), "rssi": -9}]
    assert ids(raddec.translate("", json.dumps(both).encode())) == [
        ("001bc5", IdKind.EID, EID.eid, -69, 2),
        ("001bc5", IdKind.ALTBEACON, ALTBEACON.beacon_id, -69, 2),
    ]


def _nobody() -> dict[str, object]:
    """A receiver that did not decode it this time."""
    return {"receiverId": "001bc6", "numberOfDecodings": 0}


def test_a_raddec_of_what_has_gone_is_heard_by_nobody() -> None:
    assert raddec.translate("", json.dumps({**REEL, "packets": [pdu(EID)], "events": [4]}).encode()) == Told(())


Translate = Callable[[str, bytes], Told]
WHERE: dict[str, tuple[Translate, str]] = {
    "theengs": (theengs.translate, OMG),
    "espresense": (espresense.translate, ESPRESENSE),
    "raddec": (raddec.translate, "paretoanywhere/devices/fee150bada55/3/raddec"),
}


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        ("theengs", b"\xff", "malformed"),
        ("theengs", b"[" * 5000, "malformed"),
        ("theengs", b'{"rssi":"loud"}', "malformed"),
        ("theengs", b'{"rssi":1e300}', "rssi"),
        ("theengs", b'{"rssi":-60,"manufacturerdata":"4c0"}', "hexadecimal"),
        ("theengs", b'{"rssi":-60,"uuid":"' + b"00 " * 10 + b'00","major":0,"minor":0}', "hexadecimal"),
        ("theengs", b'{"rssi":-60,"uuid":"12","major":0,"minor":0}', "uuid"),
        ("theengs", b'{"rssi":-60,"uuid":"' + b"0" * 32 + b'","major":70000,"minor":0}', "number"),
        ("theengs", b" " * (MAX_BYTES + 1), "oversized"),
        ("espresense", b'{"rssi":127}', "rssi"),
        ("raddec", json.dumps({"rssiSignature": [{"receiverId": "a", "rssi": 1}] * 129}).encode(), "malformed"),
        ("raddec", json.dumps({"rssiSignature": [{"receiverId": "a", "rssi": 1}], "packets": ["x"]}).encode(),
         "hexadecimal"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_reason(kind: str, said: bytes, reason: str) -> None:
    translate, topic = WHERE[kind]
    with pytest.raises(ForeignError) as error:
        translate(topic, said)
    assert error.value.reason == reason


@pytest.mark.parametrize(("kind", "topic"), [("theengs", "BTtoMQTT/x"), ("espresense", "espresense/devices/x")])
def test_a_topic_that_names_no_gateway_is_refused(kind: str, topic: str) -> None:
    with pytest.raises(ForeignError) as error:
        WHERE[kind][0](topic, b"{}")
    assert error.value.reason == "topic"


_VALUE = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=3))


@given(kind=st.sampled_from(sorted(WHERE)), changes=st.data())
def test_whatever_comes_is_told_or_refused(kind: str, changes: st.DataObject) -> None:
    """Real messages with fields exchanged, and their bytes cut, flipped and spliced."""
    said: dict[str, Any] = {
        "theengs": {**json.loads(OMG_SAID), **raw(EID)},
        "espresense": json.loads(ESPRESENSE_SAID),
        "raddec": {**REEL, "packets": [pdu(EID)]},
    }[kind]
    for name in changes.draw(st.lists(st.sampled_from(sorted(said)), max_size=2)):
        said = {**said, name: changes.draw(_VALUE)}
    sent = bytearray(json.dumps(said).encode())
    for at, byte in changes.draw(st.lists(st.tuples(st.integers(0, len(sent) - 1), st.integers(0, 255)), max_size=2)):
        sent[at] = byte
    translate, topic = WHERE[kind]
    try:
        told = translate(topic, bytes(sent[: changes.draw(st.integers(len(sent) - 3, len(sent)))]))
    except ForeignError:
        return
    assert all(-127 <= heard.rssi_dbm <= 20 and heard.packets >= 1 for heard in told.heard)
