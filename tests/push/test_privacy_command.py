"""Papers of data protection: filled in from the configuration, with gaps where it says nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from push.cli import main
from push.papers import GAP, PAPERS
from push.profiles.rights.settings import RetentionSettings
from push.retaining import KINDS

CONFIG = """
[push.profiles]
minimum_age = 18

[push.profiles.retention]
visits_d = 7

[push.profiles.privacy]
controller = "Kaufhaus Ada, Hamburg"
contact = "privacy@kaufhaus.example"
officer = "Dr. Byron"
authority = "HmbBfDI"
"""


def printed(paper: str, folder: Path, config: str) -> str:
    file = folder / "config.toml"
    file.write_text(config)
    ran = CliRunner().invoke(main, ["privacy", paper, "--config", str(file)])
    assert ran.exit_code == 0, ran.output
    return ran.output


@pytest.mark.parametrize("paper", sorted(PAPERS))
def test_papers_say_what_the_configuration_says(paper: str, tmp_path: Path) -> None:
    told = printed(paper, tmp_path, CONFIG)
    assert told.startswith("# ")
    assert "Kaufhaus Ada, Hamburg" in told
    assert "7 days" in told
    assert GAP in printed(paper, tmp_path, "")


def test_the_notice_leaves_nothing_open_once_everything_is_set(tmp_path: Path) -> None:
    told = printed("notice", tmp_path, CONFIG)
    assert GAP not in told
    assert "18 or older" in told
    assert "asked for her age" in printed("notice", tmp_path, "[push.profiles]\nminimum_age = 0\n")


def test_every_retention_is_in_the_register_and_is_kept_to(tmp_path: Path) -> None:
    settings = RetentionSettings()
    told = printed("register", tmp_path, "")
    for name in settings.__struct_fields__:
        assert f"after {getattr(settings, name)} days" in told, name
        assert name in {kind.setting for kind in KINDS}


def test_a_broken_configuration_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[push.profiles]\nwhat = 1\n")
    ran = CliRunner().invoke(main, ["privacy", "register", "--config", str(file)])
    assert ran.exit_code == 2
    assert "what" in ran.output
