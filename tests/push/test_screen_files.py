"""What a screen's page promises: complete, its own files, and nothing that its Content-Security-Policy would block."""

import re

from push.console.files import SCREEN, app_files, screen_files

FILES = screen_files()
PAGE = FILES[SCREEN][0].decode()


def test_everything_that_the_page_and_its_script_name_is_there() -> None:
    script = FILES[f"{SCREEN}screen.js"][0].decode()
    named = {*re.findall(r'(?:href|src)="([^"#]+)"', PAGE), *re.findall(r'from "([^"]+)"', script)}
    assert len(named) >= 4
    assert named - FILES.keys() - app_files().keys() == set()


def test_nothing_inline_that_the_policy_would_block() -> None:
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", PAGE)


def test_it_carries_a_mark_of_all_its_files() -> None:
    assert re.search(r'data-mark="[0-9a-f]{16}"', PAGE)
