"""What files say: people, events and orders, as tables and as JSON, and what is wrong with them, never quoted."""

import json
from pathlib import Path

import pytest

from push.model.profiles import Identifier
from push.profiles.identity.kinds import Kinds
from push.registry.csv_file import FileError
from push.transfer import lines
from push.transfer.lines import Format, Kind
from push.transfer.said import How, Made, made

BEGAN_MS = 1_790_000_000_000
HOW = How("crm", Kinds(), BEGAN_MS)


def read(folder: Path, text: str, kind: Kind = "people", form: Format = "csv") -> list[tuple[int, Made]]:
    path = folder / "file"
    path.write_text(text, encoding="utf-8")
    found = lines.read(path.open("rb"), kind, form, HOW.kinds)
    return [(one.line, made(one.said, HOW) if one.said else Made((), one.faults)) for one in found]


def told(found: list[tuple[int, Made]]) -> list[tuple[int, str]]:
    return [(line, fault.expected) for line, one in found for fault in one.faults]


def test_a_person_in_a_table(tmp_path: Path) -> None:
    head = (
        "user_id,email,trait.name,trait.points:number,trait.vip:boolean,trait.sizes:json,consent.profiling,consent_at"
    )
    [(line, one)] = read(tmp_path, f'{head}\n42,Ann@X.example,Ann,"1,5",ja,"[42, 43]",yes,2026-01-02T03:04:05Z\n')
    agreed, said = one.statements
    assert (line, one.faults, said.kind, said.authority, said.source) == (2, (), "identify", "server", "crm")
    assert (said.home, said.also) == (Identifier("user_id", "42"), (Identifier("email", "ann@x.example"),))
    assert said.traits == {"name": "Ann", "points": 1.5, "vip": True, "sizes": [42, 43]}
    assert said.at_ms == BEGAN_MS
    assert agreed.context == {"consent": {"purposes": {"profiling": True}}}
    assert agreed.at_ms == 1_767_323_045_000


def test_a_person_as_json(tmp_path: Path) -> None:
    row = {
        "identifiers": {"user_id": 42, "email": ["a@x.example", "b@x.example"]},
        "traits": {"name": "Zoë 👋"},
        "consents": [
            {"purpose": "profiling", "granted": True, "at": "2026-01-02", "source": "form"},
            {"purpose": "adult", "granted": True, "at": "2026-01-02", "source": "form"},
            {"purpose": "email", "granted": False, "at": 1_767_400_000_000},
        ],
        "at": "2026-02-03T00:00:00Z",
    }
    [(_, one)] = read(tmp_path, json.dumps(row) + "\n\n", form="jsonl")
    assert {(s.source, s.at_ms, json.dumps(s.context)) for s in one.statements} == {
        ("crm", 1_770_076_800_000, "{}"),
        ("crm", 1_767_400_000_000, '{"consent": {"purposes": {"email": false}}}'),
        ("form", 1_767_312_000_000, '{"consent": {"purposes": {"adult": true, "profiling": true}}}'),
    }
    assert [i.value for i in one.statements[-1].also] == ["a@x.example", "b@x.example"]


def test_the_same_line_is_the_same_statement_whenever_it_is_imported(tmp_path: Path) -> None:
    text = "user_id,trait.name\n42,Ann\n43,Bob\n"
    first = read(tmp_path, text)
    path = tmp_path / "file"
    again = lines.read(path.open("rb"), "people", "csv", HOW.kinds)
    later = [made(one.said, HOW._replace(began_ms=BEGAN_MS + 5)) for one in again if one.said]
    ids = [one.statements[0].id for _, one in first]
    assert [one.statements[0].id for one in later] == ids
    assert len(set(ids)) == 2


def test_rows_of_an_order_are_one_event(tmp_path: Path) -> None:
    text = (
        "email;order_id;at;currency;total;sku;price;quantity\n"
        "a@x.example;o1;2026-01-02T10:00:00Z;EUR;30,5;s1;10,5;1\n"
        "a@x.example;o1;2026-01-02T10:00:00Z;EUR;30,5;s2;10;2\n"
        "b@x.example;o2;2026-01-02T11:00:00Z;EUR;5;s1;5;1\n"
    )
    (line, first), (other_line, second) = read(tmp_path, text, "orders")
    assert (line, other_line) == (2, 4)
    [order] = first.statements
    assert (order.kind, order.name, order.home.value) == ("track", "Order Completed", "a@x.example")
    assert order.properties == {
        "order_id": "o1", "currency": "EUR", "total": 30.5,
        "products": [{"sku": "s1", "price": 10.5, "quantity": 1}, {"sku": "s2", "price": 10, "quantity": 2}],
    }  # fmt: skip
    assert second.statements[0].properties["order_id"] == "o2"


def test_an_order_of_two_people_is_refused(tmp_path: Path) -> None:
    text = "email,order_id,at\na@x.example,o1,2026-01-02\nb@x.example,o1,2026-01-02\nc@x.example,,2026-01-02\n"
    assert told(read(tmp_path, text, "orders")) == [
        (2, "order_id: the rows of one order name different people, from line 2 on"),
        (4, "order_id: every row of an order has one"),
    ]


def test_events_keep_their_own_message_id(tmp_path: Path) -> None:
    text = "user_id,event,at,message_id,property.place\n42,Card Used,1767312000000,m1,Till 3\n42,,1767312000000,,\n"
    (_, one), (_, other) = read(tmp_path, text, "events")
    [said] = one.statements
    assert (said.name, said.at_ms, said.properties) == ("Card Used", 1_767_312_000_000, {"place": "Till 3"})
    row = {"identifiers": {"user_id": "42"}, "event": "Card Used", "at": 1_767_312_000_001, "message_id": "m1"}
    [(_, again)] = read(tmp_path, json.dumps(row), "events", "jsonl")
    assert again.statements[0].id == said.id
    assert [fault.field for fault in other.faults] == ["event"]


SECRET = "hunter2"  # noqa: S105 - what must not be told
WRONG: list[tuple[str, str]] = [
    (f'{{"identifiers": {{}}, "{SECRET}": 1}}', "a JSON object as described"),
    (f'{{"identifiers": "{SECRET}"}}', "at $.identifiers"),
    (f"{SECRET}", "a JSON object"),
    ("[" * 2000, "a JSON object"),
    ('{"identifiers": {}}', "at least one identifier"),
    (f'{{"identifiers": {{"email": "{SECRET}"}}}}', "email: left out, for it is not written as its kind is"),
    ('{"identifiers": {"email": "test@test.com"}}', "is what is written where there is none"),
    ('{"identifiers": {"user_id": "1"}, "at": "yesterday"}', "at: a time like"),
    ('{"identifiers": {"user_id": "1"}, "at": "2999-01-01"}', "between 1970 and now"),
    ('{"identifiers": {"user_id": "1"}, "at": -5}', "between 1970 and now"),
    (f'{{"identifiers": {{"user_id": "1"}}, "consents": [{{"purpose": "{SECRET}", "granted": true}}]}}', "a purpose"),
    ('{"identifiers": {"user_id": "1"}, "consents": [{"purpose": "email", "granted": true}]}', "when she said so"),
    ('{"identifiers": {"user_id": "1"}, "event": "x"}', "has none; say kind=events"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_is_told_and_never_quoted(tmp_path: Path, text: str, expected: str) -> None:
    [(line, one)] = read(tmp_path, text, form="jsonl")
    found = " | ".join(fault.expected for fault in one.faults)
    assert (line, one.statements) == (1, ())
    assert expected in found
    assert SECRET not in found


def test_an_identifier_that_is_none_is_left_out_and_the_others_count(tmp_path: Path) -> None:
    [(_, one)] = read(tmp_path, "user_id,email\n42,test@test.com\n")
    assert (one.statements[0].home.value, one.statements[0].also) == ("42", ())
    assert [fault.field for fault in one.faults] == ["email"]


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("traits", [{"x": nested(50)}, {str(n): n for n in range(501)}, {"x": "y" * 9000}])
def test_what_is_too_deep_wide_or_long_is_refused(tmp_path: Path, traits: object) -> None:
    row = json.dumps({"identifiers": {"user_id": "1"}, "traits": traits})
    [(_, one)] = read(tmp_path, row, form="jsonl")
    assert not one.statements
    assert "expected" in one.faults[0].expected


@pytest.mark.parametrize(
    ("text", "kind", "form", "said"),
    [
        ("", "people", "csv", "the file is empty"),
        ("", "people", "jsonl", "the file is empty"),
        ("x" * 70_000, "people", "jsonl", "a line of at most"),
        ("user_id,emial\n", "people", "csv", "did you mean 'email'"),
        ("user_id,user_id\n", "people", "csv", "stands there twice"),
        ("trait.name\n", "people", "csv", "a column with an identifier"),
        ("user_id,consent.spam\n", "people", "csv", "a purpose was expected"),
        ("user_id,trait.x:date\n", "people", "csv", "a name, and a type of"),
        ("user_id,at\n", "events", "csv", "a column 'event'"),
        ("user_id,at\n", "orders", "csv", "a column 'order_id'"),
        (",".join(["user_id", *(f"trait.t{n}" for n in range(500))]), "people", "csv", "at most 500 columns"),
    ],
)
def test_a_file_that_is_none_says_what_was_expected(
    tmp_path: Path, text: str, kind: Kind, form: Format, said: str
) -> None:
    with pytest.raises(FileError, match=said):
        read(tmp_path, text, kind, form)


@pytest.mark.parametrize(
    "text", ["zschaepitz@example.org,Ann Zschaepitz\n", "email,zschaepitz\n", "user_id,trait.x:zschaepitz,consent.x\n"]
)
def test_a_first_line_that_is_no_head_is_somebodys_and_never_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileError) as told:
        read(tmp_path, text)
    assert "zschaepitz" not in told.value.expected
    assert "column" in told.value.expected


def test_names_that_an_object_makes_up_are_never_quoted(tmp_path: Path) -> None:
    row = {"identifiers": {"user_id": "1", "zschaepitz@x.de": "2"}, "traits": {"zschaepitz": "y" * 9000}}
    [(_, one)] = read(tmp_path, json.dumps(row), form="jsonl")
    assert [fault.field for fault in one.faults] == ["identifiers", "traits"]
    assert "zschaepitz" not in str(one.faults)


def test_cells_of_another_type_are_told_with_their_column(tmp_path: Path) -> None:
    head = "user_id,trait.a:number,trait.b:boolean,trait.c:json"
    text = f"{head}\n1,x,y,z\n2,nan,yes,1\n3,1\n'=4,1,no,{{}}\n"
    found = read(tmp_path, text)
    assert [(line, fault.field) for line, one in found for fault in one.faults] == [
        (2, "a"), (2, "b"), (2, "c"), (3, "a"), (4, "")
    ]  # fmt: skip
    assert found[3][1].statements[0].home.value == "=4"
