import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from beacons import ad
from beacons.cli import main
from beacons.frames import AltBeacon, EddystoneUid, EddystoneUrl, Eid, EncryptedTlm, Frame, IBeacon, Tlm, encode

UUID = bytes.fromhex("f7826da64fa24e988024bc5b71e0893e")
KEY = "7cfa428f13e91d687e89122c44922183"


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def payload(frame: Frame) -> str:
    return ad.join(*encode(frame)).hex()


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (
            IBeacon(UUID, 1, 2, -59),
            {
                "frame": "ibeacon",
                "uuid": UUID.hex(),
                "major": 1,
                "minor": 2,
                "measured_power_dbm": -59,
                "id": UUID.hex() + "00010002",
                "power_1m_dbm": -59,
            },
        ),
        (
            AltBeacon(0x0118, bytes(20), -60, 9),
            {
                "frame": "altbeacon",
                "company": 0x0118,
                "beacon_id": "00" * 20,
                "reference_rssi_dbm": -60,
                "reserved": 9,
                "id": "00" * 20,
                "power_1m_dbm": -60,
            },
        ),
        (
            EddystoneUid(-20, bytes(10), bytes(6)),
            {
                "frame": "uid",
                "tx_power_dbm": -20,
                "namespace": "00" * 10,
                "instance": "00" * 6,
                "id": "00" * 16,
                "power_1m_dbm": -61,
            },
        ),
        (
            EddystoneUrl(-20, "https://www.example.com/"),
            {"frame": "url", "tx_power_dbm": -20, "url": "https://www.example.com/"},
        ),
        (
            Tlm(0, None, 7, 8),
            {"frame": "tlm", "battery_mv": 0, "temperature_c": None, "advertisements": 7, "uptime_ds": 8},
        ),
        (
            EncryptedTlm(bytes(12), b"\x01\x02", b"\x03\x04"),
            {"frame": "etlm", "ciphertext": "00" * 12, "salt": "0102", "mic": "0304"},
        ),
        (
            Eid(-20, bytes(8)),
            {"frame": "eid", "tx_power_dbm": -20, "eid": "00" * 8, "id": "00" * 8, "power_1m_dbm": -61},
        ),
    ],
)
def test_decode_says_every_field_as_json(frame: Frame, expected: dict[str, object]) -> None:
    result = run("decode", payload(frame), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == expected


def test_decode_is_readable() -> None:
    result = run("decode", payload(Tlm(2950, None, 7, 8)))
    assert result.stdout.splitlines() == [
        "Eddystone-TLM",
        "  battery_mv          2950",
        "  temperature_c       -",
        "  advertisements      7",
        "  uptime_ds           8",
    ]


def test_decode_takes_spaces_and_capitals() -> None:
    spaced = payload(Eid(-20, b"rotating")).upper()
    result = run("decode", f"{spaced[:6]} {spaced[6:]}")
    assert result.exit_code == 0
    assert result.stdout.startswith("Eddystone-EID\n")


@pytest.mark.parametrize("digits", ["abc", "zz", "0x00", "é"])
def test_decode_refuses_what_is_not_hex(digits: str) -> None:
    result = run("decode", digits)
    assert result.exit_code == 2
    assert f"{digits!r}: expected pairs of hex digits" in result.stderr


@pytest.mark.parametrize(
    ("digits", "seen"),
    [
        ("", "saw neither manufacturer nor service data"),
        ("020106", "saw neither manufacturer nor service data"),
        (
            "0201060303aafe0316aafe",
            "saw service data of 0000feaa-0000-1000-8000-00805f9b34fb (0 bytes), malformed: eddystone_type",
        ),
        ("07ff4c001005031c05ff", "saw manufacturer data of company 0x004c (4 bytes), malformed: ad_truncated"),
    ],
)
def test_decode_says_what_it_saw_where_there_is_no_frame(digits: str, seen: str) -> None:
    result = run("decode", "--json", digits)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"Error: no beacon frame found: {seen}\n"


def test_eid_prints_the_id_and_nothing_else() -> None:
    result = run("eid", "--key", KEY, "--exponent", "1", "--time", "369140570")
    assert result.exit_code == 0
    assert result.output == "98ccadb3526f21d3\n"


@pytest.mark.parametrize(
    ("key", "exponent", "time", "message"),
    [
        ("zz", "1", "0", "'zz': expected pairs of hex digits"),
        (KEY[2:], "1", "0", "the identity key has 15 bytes: expected 16"),
        (KEY, "16", "0", "the rotation period exponent is 16: expected 0 to 15"),
        (KEY, "1", "4294967296", "the counter is 4294967296 s: expected 0 to 4294967295"),
        (KEY, "1", "noon", "'noon' is not a valid integer"),
    ],
)
def test_eid_refuses_what_the_specification_does_not_know(key: str, exponent: str, time: str, message: str) -> None:
    result = run("eid", "--key", key, "--exponent", exponent, "--time", time)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).with_name("footfall-beacons")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.startswith("footfall-beacons, version ")
