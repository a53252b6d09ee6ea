"""The console's files: complete, of our own, and nothing that its Content-Security-Policy would block."""

import re
from importlib.resources import files

import pytest

from push.console.assets import read_assets
from push.console.render import SECURITY

ASSETS = read_assets()
TEMPLATES = {file.name: file.read_text() for file in files("push.console").joinpath("templates").iterdir()}
SCRIPTS = {name: body.decode() for name, (body, _) in ASSETS.files.items() if name.endswith(".js")}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_nothing_inline_that_the_policy_would_block(name: str) -> None:
    assert "unsafe" not in SECURITY["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=|[^>]*/json)|javascript:", TEMPLATES[name])


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_form_that_changes_something_proves_that_it_is_ours(name: str) -> None:
    if name in {"login.html", "setup.html"}:  # nobody is signed in there: the browser's own word on the origin counts
        return
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", TEMPLATES[name], re.DOTALL):
        assert 'name="csrf"' in form


def test_every_file_that_a_template_names_is_there() -> None:
    for text in TEMPLATES.values():
        for name in re.findall(r'asset\("([^"]+)"\)', text):
            assert name in ASSETS.files


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_modules_import_modules_of_ours_and_write_text_never_markup(name: str) -> None:
    for imported in re.findall(r'from "([^"]+)"', SCRIPTS[name]):
        assert imported.removeprefix("./") in ASSETS.files
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3\.org/)", SCRIPTS[name]
    )
