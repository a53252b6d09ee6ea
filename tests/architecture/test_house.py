"""The shape of the house: sizes are reported, and what must never be committed is looked for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("beacons", "gateway", "push", "firmware_sim")
FOLDERS = (*PACKAGES, "tests", "docs", ".ci")
MOST_LINES = 400

REGISTRY_HOSTS = tuple(".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org")))
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:root|work|Users|home/[a-z]\w*)/\w+")


class Function(NamedTuple):
    where: str
    lines: int


def committed() -> Iterator[Path]:
    """Every text file that belongs to the project, found without git: a source archive has none."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".coverage"))
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def functions() -> Iterator[Function]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                yield Function(where, node.end_lineno - node.lineno + 1)


def test_no_source_file_outgrows_its_room() -> None:
    too_long = {str(p.relative_to(ROOT)): n for p in sources() if (n := p.read_text().count("\n")) > MOST_LINES}
    assert too_long == {}


def test_sizes_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    found = sorted(functions(), key=lambda function: function.lines)
    median, p90 = found[len(found) // 2], found[len(found) * 9 // 10]
    longest = ", ".join(f"{function.where} ({function.lines})" for function in found[:-6:-1])
    with capsys.disabled():
        print(f"\n{len(found)} functions: median {median.lines} lines, p90 {p90.lines}; longest {longest}")  # noqa: T201 - a report


def improper(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except UnicodeDecodeError:  # a picture
        return []
    return [host for host in REGISTRY_HOSTS if host in text] + MACHINE_PATH.findall(text)


def test_nothing_names_a_package_index_or_a_developers_machine() -> None:
    found = {str(path.relative_to(ROOT)): words for path in committed() if (words := improper(path))}
    assert found == {}
