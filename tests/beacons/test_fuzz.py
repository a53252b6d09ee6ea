import os

from tests.beacons.air import EXAMPLES
from tests.beacons.mutations import decode_all

MUTANTS = int(os.environ.get("FOOTFALL_FUZZ", "400000"))


def test_no_bytes_on_air_make_decoding_raise() -> None:
    heard, malformed = decode_all(seed=20260101, mutants=MUTANTS, noise=MUTANTS // 10)

    assert heard.total() == MUTANTS + MUTANTS // 10
    if MUTANTS >= 100_000:  # enough to be sure that the stream reached every kind, whole and broken
        assert set(heard) == {type(frame).__name__ for frame in EXAMPLES} | {"none"}
        assert set(malformed) == {
            "ad_manufacturer_length",
            "ad_service_length",
            "ad_truncated",
            "altbeacon_length",
            "eddystone_type",
            "eid_length",
            "etlm_length",
            "ibeacon_length",
            "tlm_length",
            "tlm_version",
            "uid_length",
            "url_character",
            "url_length",
            "url_scheme",
        }
