from pathlib import Path

import numpy as np
import pytest

from firmware_sim.walks.files import TableError, read_receivers, read_walk

GATEWAYS = "gateway,x_m,y_m,z_m\na,0,0,2.3\nb,10,0,2.3\n"


def written(folder: Path, text: str | bytes, name: str = "walk.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_walk_may_have_a_mark_other_line_ends_more_columns_and_any_order(tmp_path: Path) -> None:
    receivers = read_receivers(written(tmp_path, "\ufeff" + GATEWAYS.replace("\n", "\r\n"), "gateways.csv"))
    lines = ("rssi_dbm,note,y_m,x_m,gateway,time_s", "-70,x,1,2,b,11.5", "", "-60,x,0,0,a,10.25", "-50,x,0,1,c,11")
    text = "\r\n".join(lines)
    walk = read_walk(written(tmp_path, "\ufeff" + text), receivers)
    assert walk.heard_ms.tolist() == [10_250, 11_000, 11_500]
    assert walk.receiver.tolist() == [0, -1, 1]
    assert walk.unknown == 1
    assert np.allclose(walk.truth_m[-1], (2, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: no column gateway"),
        ("time_s,gateway,rssi_dbm,x_m\n", "line 1: no column y_m"),
        ("time_s,gateway,rssi_dbm,x_m,y_m,x_m\n", "x_m is there twice"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n", "nothing was heard"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n1,a,-70,0,0\n2,a,-70,0\n", "line 3: expected 5 fields, got 4"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n1,a,-70,nan,0\n", "line 2: x_m is 'nan'"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n1581252284780,a,-70,0,0\n", "line 2: time_s"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n1,a,70,0,0\n", "line 2: rssi_dbm"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n1,,-70,0,0\n", "line 2: gateway is empty"),
        ("time_s,gateway,rssi_dbm,x_m,y_m\n1,a,-70,0,0\n99999,a,-70,0,0\n", "lasts 99998 s"),
        ('time_s,gateway,rssi_dbm,x_m,y_m\n1,"a"b,-70,0,0\n', "line 2"),
        (b"time_s,gateway,rssi_dbm,x_m,y_m\n1,\xff,-70,0,0\n", "not text in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_walk_is_said_with_its_line(tmp_path: Path, text: str | bytes, expected: str) -> None:
    receivers = read_receivers(written(tmp_path, GATEWAYS, "gateways.csv"))
    with pytest.raises(TableError, match=expected):
        read_walk(written(tmp_path, text), receivers)


def test_a_gateway_is_there_once(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="line 4: gateway 'a' is there twice"):
        read_receivers(written(tmp_path, GATEWAYS + "a,1,1,2\n"))
    with pytest.raises(TableError, match="expected 1 to"):
        read_receivers(written(tmp_path, "gateway,x_m,y_m\n"))
