"""What the app's files promise: complete, their own, and nothing that its Content-Security-Policy would block."""

import json
import re

import pytest

from push.console.files import BASE, HEADERS, app_files

FILES = app_files()
TEXTS = {path: body.decode() for path, (body, kind) in FILES.items() if not kind.startswith("image/png")}
GIVEN_BY_THE_SERVER = {"settings.json"}


def missing(names: set[str]) -> set[str]:
    return {name for name in names - GIVEN_BY_THE_SERVER if BASE + name.removeprefix("./") not in FILES}


def test_the_page_is_served_at_the_apps_address() -> None:
    body, content_type = FILES[BASE]
    assert content_type == "text/html"
    assert body.startswith(b"<!doctype html>")


def test_everything_that_the_page_names_is_there() -> None:
    named = set(re.findall(r'(?:href|src)="([^"#]+)"', TEXTS[BASE]))
    icons = {icon["src"] for icon in json.loads(TEXTS[f"{BASE}manifest.webmanifest"])["icons"]}
    assert len(named) > 5
    assert missing(named | icons) == set()


@pytest.mark.parametrize("module", [path for path in TEXTS if path.endswith(".js")])
def test_everything_that_a_module_imports_is_there(module: str) -> None:
    assert missing(set(re.findall(r'from "([^"]+)"', TEXTS[module]))) == set()


def test_the_service_worker_keeps_every_file_that_the_page_needs_without_a_network() -> None:
    kept = re.search(r"const FILES = \[(.*?)\];", TEXTS[f"{BASE}sw.js"], re.DOTALL)
    assert kept is not None
    names = set(re.findall(r'"([^"]+)"', kept[1]))
    modules = {path.removeprefix(BASE) for path in TEXTS if path.endswith((".js", ".css")) and "sw.js" not in path}
    assert missing(names) == set()
    assert modules <= names


@pytest.mark.parametrize("path", [BASE, f"{BASE}icon.svg"])
def test_nothing_inline_that_the_policy_would_block(path: str) -> None:
    assert "'unsafe-inline'" not in HEADERS["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", TEXTS[path])
