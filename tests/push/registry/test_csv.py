"""CSV as people save it: whatever the spreadsheet, the same rows; whatever is wrong, the line and what was expected."""

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacons.registry import Beacon
from push.registry.csv_columns import COLUMNS, KEY, NAMES, beacon_of, cells, head_problems, read_row
from push.registry.csv_file import FileError, lines

HEAD = "id;role;format;static_id"
ROW = "b1;tag;ibeacon;" + "ab" * 20


def read(path: Path, raw: bytes) -> list[tuple[int, list[str]]]:
    path.write_bytes(raw)
    return [(line.number, line.cells) for line in lines(path.open("rb"))]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_spreadsheets_way_is_read_alike(tmp_path: Path, separator: str, end: str, mark: bytes) -> None:
    text = end.join([HEAD, "", ROW, ";;;", ""]).replace(";", separator)
    assert read(tmp_path / "f", mark + text.encode()) == [(1, HEAD.split(";")), (3, ROW.split(";"))]


def test_lines_are_counted_as_an_editor_does_also_behind_a_cell_of_two(tmp_path: Path) -> None:
    text = 'sep=;\n\nid;name\nb1;"two\nlines; ""quoted"""\nb2;x\n'
    assert read(tmp_path / "f", text.encode()) == [
        (3, ["id", "name"]), (4, ["b1", 'two\nlines; "quoted"']), (6, ["b2", "x"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        (b"", 0, "empty"),
        (b"\n\n ;;\n", 0, "empty"),
        ("id;name\nb1;Tür\n".encode("cp1252"), 0, "not UTF-8 (byte 0xfc, 'ü' in Windows-1252)"),
        ("id;name\n".encode("utf-16"), 0, "UTF-16; save it as CSV UTF-8"),
        (b"id;name\nb1;a\0b\n", 2, "NUL"),
        (b'id;name\nb1;"open\nb2;x\n', 2, "quotation mark"),
        (b'id;name\nb1;"a"b\n', 2, "quotation mark"),
        (b'id;name\nb1;"' + b"x" * 30_000 + b'"\n', 2, "more than 20000 characters"),
        (b'id;name\nb1;"' + b"x" * 200_000 + b'"\n', 2, "more than 20000 characters"),
    ],
)
def test_what_is_no_table_is_told_with_its_line(tmp_path: Path, raw: bytes, line: int, said: str) -> None:
    with pytest.raises(FileError) as caught:
        read(tmp_path / "f", raw)
    assert said in caught.value.expected
    assert caught.value.line == line


def test_a_misspelled_column_gets_a_suggestion() -> None:
    names, problems = head_problems(["ID", "Static-ID", " labels "])
    assert (names, problems) == (("id", "static_id", "labels"), [])
    assert head_problems(["id", "formad"])[1] == ["there is no column 'formad': did you mean 'format'?"]
    assert "the columns are id, role" in head_problems(["id", "zzzz"])[1][0]
    assert head_problems(["name", "name"])[1] == ["column 'name' stands there twice", "a column `id` was expected"]


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("exponent", "ten", "exponent 'ten': a whole number was expected"),
        ("x_m", "1,2,3", "a number was expected"),
        ("staff", "perhaps", "yes or no was expected"),
        ("counter_at_ms", "yesterday", "2026-03-01T09:00:00Z"),
        (KEY, "abc", "32 hex digits were expected"),
    ],
)
def test_a_cell_that_says_something_else_is_named(name: str, cell: str, said: str) -> None:
    row, faults = read_row(("id", name), ["b1", cell], 7)
    assert row is None
    assert said in faults[0].expected


def test_a_key_is_never_told() -> None:
    _, faults = read_row(("id", KEY), ["b1", "feedfacefeedface"], 7)
    assert "feed" not in str(faults)


def test_a_row_of_another_length_is_told() -> None:
    _, faults = read_row(("id", "name"), ["b1"], 7)
    assert faults[0].expected == "2 cells were expected, as in the head; these are 1"


def test_numbers_times_and_words_are_understood_as_people_write_them() -> None:
    names = ("id", "x_m", "y_m", "staff", "counter_at_ms", "labels")
    row, faults = read_row(names, ["b1", "1,5", "2.5", "Ja", "2026-03-01T10:00:00+01:00", " a  b a "], 2)
    assert faults == []
    assert row is not None
    assert row.fields == {
        "id": "b1", "x_m": 1.5, "y_m": 2.5, "staff": True, "counter_at_ms": 1_772_355_600_000, "labels": ("a", "b"),
    }  # fmt: skip


def test_a_column_that_is_not_there_keeps_what_stands_and_an_empty_cell_does_not() -> None:
    present: dict[str, Any] = msgspec.structs.asdict(
        Beacon(id="b1", role="tag", format="eid", name="Ann", battery="CR2032")
    )
    row, _ = read_row(("id", "battery"), ["b1", ""], 2)
    assert row is not None
    found = beacon_of(row, present)
    assert (found.name, found.battery) == ("Ann", "")


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).map(str.strip)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
beacons = st.builds(
    Beacon,
    id=ids,
    role=st.sampled_from(["tag", "fixture"]),
    format=st.sampled_from(["ibeacon", "eid", "uid"]),
    static_id=st.none() | st.binary(min_size=20, max_size=20).map(bytes.hex),
    exponent=st.integers(0, 15),
    counter_s=st.integers(0, 2**32 - 1),
    counter_at_ms=st.integers(0, 4_000_000_000_000),
    store=st.none() | ids,
    zone=st.none() | ids,
    x_m=st.floats(-10_000, 10_000),
    y_m=st.floats(-10_000, 10_000),
    shopper=st.none() | ids,
    staff=st.booleans(),
    power_1m_dbm=st.integers(-128, 20),
    name=texts | st.sampled_from(["=1+1", "+49 40 1", "-", "@x", "'quoted", "''", "-5", "=cmd|'/c calc'!A1"]),
    model=texts,
    firmware=texts,
    battery=texts,
    group=st.none() | ids,
    labels=st.lists(st.from_regex(r"[\w.:-]{1,10}", fullmatch=True), max_size=4, unique=True).map(tuple),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(beacons, min_size=1, max_size=5))
def test_what_is_exported_is_imported_as_it_was_and_is_no_formula(tmp_path: Path, made: list[Beacon]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(NAMES)
    writer.writerows(map(cells, made))
    path = tmp_path / "f"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    (_, *records) = lines(path.open("rb"))
    for record, beacon in zip(records, made, strict=True):
        for cell in record.cells:
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or float(cell) < 0 or float(cell) == 0
        row, faults = read_row(NAMES, record.cells, record.number)
        assert faults == []
        assert row is not None
        assert beacon_of(row, None) == beacon


@pytest.mark.parametrize("cell", ["\u00b2", "\u0661"])
def test_what_only_looks_like_a_number_is_no_time(cell: str) -> None:
    row, (fault,) = read_row(("id", "counter_at_ms"), ["b1", cell], 2)
    assert row is None
    assert fault.field == "counter_at_ms"


def test_a_time_of_far_too_many_digits_is_refused() -> None:
    row, _ = read_row(("id", "role", "format", "counter_at_ms"), ["b1", "tag", "eid", "1" * 5000], 2)
    assert row is not None
    with pytest.raises(msgspec.ValidationError, match="counter_at_ms"):
        beacon_of(row, None)


@pytest.mark.parametrize("at_ms", [521_866, 1_700_000_000_123, 253_402_300_799_999, 2**53])
def test_a_time_is_exported_and_read_again_to_the_millisecond(at_ms: int) -> None:
    beacon = Beacon(id="b1", role="tag", format="eid", counter_at_ms=at_ms)
    row, _ = read_row(NAMES, cells(beacon), 2)
    assert row is not None
    assert beacon_of(row, None) == beacon


def test_every_field_of_a_beacon_has_a_column() -> None:
    assert {column.name for column in COLUMNS} == {*Beacon.__struct_fields__, KEY}


def test_the_page_about_the_registry_lists_the_columns() -> None:
    page = (Path(__file__).parents[3] / "docs" / "registry.md").read_text()
    table = page.partition("<!-- table: columns -->\n")[2].partition("\n\n")[0].splitlines()
    assert table[2:] == [f"| `{column.name}` | {column.means} |" for column in COLUMNS]
