"""Permits come out of one room alone, and traits leave the profile by them alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import push

HOME = Path(push.__path__[0])
MAKERS = {"profiles/permits.py"}
READERS = {
    "profiles/guarded.py": "by permit: the words of messages, and what hooks are told",
    "profiles/view.py": "rules, for those alone whom a look at consent in the same transaction let through",
    "transfer/exports.py": "files for other tools, of those alone who may be profiled",
    "profiles/rights/exporting.py": "for herself: what is kept of her is hers to read, whatever she agreed to",
    "profiles/rights/correcting.py": "for herself: what is said of her is hers to put right, whatever she agreed to",
    "profiles/profile.py": "for operators, who answer her questions",
    "profiles/identity/preview.py": "for operators, before they join two people or part them",
    "console/persons/who.py": "for operators, who look for somebody",
}
"""Who reads traits, and by what right. Whoever is new here says why, or takes a permit (`push.profiles.guarded`)."""


def calls(name: str) -> Iterator[str]:
    """The files of the server in which something of this name is called."""
    for path in sorted(HOME.rglob("*.py")):
        text = path.read_text()
        if name.rpartition(".")[2] not in text:
            continue  # to parse all of them takes seconds
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield str(path.relative_to(HOME))


def test_only_the_room_of_permits_makes_any() -> None:
    assert {*calls("ToProfile"), *calls("permits.ToProfile"), *calls("Permit"), *calls("permits.Permit")} == MAKERS


def test_whoever_reads_traits_has_a_right_to() -> None:
    assert {*calls("traits.load"), *calls("traits.told")} == READERS.keys()
