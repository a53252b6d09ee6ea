from pathlib import Path

import pytest

from gateway.machine import machine_status, synchronised, temperature_c


def zone(thermal: Path, number: int, said: str) -> None:
    (thermal / f"thermal_zone{number}").mkdir()
    (thermal / f"thermal_zone{number}" / "temp").write_text(said)


@pytest.mark.parametrize(
    ("said", "celsius"),
    [(["48312\n"], 48.312), (["48312", "61000"], 61.0), (["-273000", "nonsense"], None), ([], None)],
)
def test_the_hottest_plausible_zone_counts(tmp_path: Path, said: list[str], celsius: float | None) -> None:
    for number, text in enumerate(said):
        zone(tmp_path, number, text)
    assert temperature_c(tmp_path) == celsius


def test_a_box_tells_what_it_knows(tmp_path: Path) -> None:
    told = machine_status(tmp_path, 61_500, tmp_path)
    assert told.uptime_s == 61
    assert told.disk_free_bytes
    assert told.load is not None
    assert told.temperature_c is None
    assert machine_status(tmp_path / "nowhere", 0, tmp_path).disk_free_bytes is None


def test_asking_whether_the_clock_is_synchronised_never_fails() -> None:
    assert synchronised() in (True, False, None)
