"""What a wrong setting is told: where it stands, what it is, what was expected; exit status 2, without a start."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from push.cli import main
from push.settings import PushSettings


def run(arguments: list[str], env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, arguments, env=dict(env or {}))


def check(text: str, tmp_path: Path, env: Mapping[str, str] | None = None) -> Result:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return run(["check", "--config", str(path)], env)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[push]\ncolour = 1", "push.colour is 1; expected no such key"),
        ("[push.http]\nport = 'abc'", "push.http.port is 'abc'; expected `int`, got `str`"),
        ("[push.http]\nport = 70000", "push.http.port is 70000; expected `int` <= 65535"),
        ("[push.http]\nport = -1", "push.http.port is -1; expected `int` >= 0"),
        ("[push.http]\nallowed_origins = ['shop.example']", "push.http.allowed_origins[0] is 'shop.example'; expected"),
        ("[push]\nhttp = 3", "push.http is 3; expected `object`, got `int`"),
        ("[push]\napp_store = 'no id'", "push.app_store is 'no id'; expected `str` matching regex"),
        ("[push.sender.retry]\nbase_ms = 1", "push.sender.retry.base_ms is 1; expected `int` >= 10"),
        ("[push.sender]\nlease_s = 10", "expected sender.lease_s to be longer than any attempt may take, 40 s"),
        ("[push.broker]\ncert_file = 'c.pem'", "expected both broker.cert_file and broker.key_file, or neither"),
        ("[push.webpush]\ncontact = 'me'", "push.webpush.contact is 'me'; expected `str` matching regex"),
        ("[push\n", "file is \"Expected ']'"),
    ],
)
def test_a_wrong_setting_is_told_by_path_value_and_what_was_expected(text: str, said: str, tmp_path: Path) -> None:
    result = check(text, tmp_path)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"footfall-push: {tmp_path / 'config.toml'}: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FOOTFALL__PUSH__HTTP__PORT", "abc", "push.http.port is 'abc'; expected `int`, got `str`"),
        ("FOOTFALL__PUSH__COLOUR", "1", "push.colour is 1; expected no such key"),
        ("FOOTFALL__PUSH__HTTP__PORT__X", "1", "expected"),
    ],
)
def test_a_wrong_override_is_told_alike(command: str, name: str, value: str, said: str, tmp_path: Path) -> None:
    env = {"FOOTFALL__PUSH__DATA_DIR": str(tmp_path / "data"), name: value}
    result = run([command], env)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run(["run", "--config", str(tmp_path / "none.toml")])
    assert (result.exit_code, "none.toml" in result.stderr) == (2, True)


def test_an_override_wins_over_the_file(tmp_path: Path) -> None:
    result = check("[push]\ndata_dir = 'here'", tmp_path, {"FOOTFALL__PUSH__DATA_DIR": str(tmp_path / "there")})
    assert result.exit_code == 0, result.output
    assert f"data in {tmp_path / 'there'}" in result.output


def test_a_check_starts_and_writes_nothing(tmp_path: Path) -> None:
    result = check(f"[push]\ndata_dir = '{tmp_path / 'data'}'", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert not (tmp_path / "data").exists()


def test_a_databases_password_is_not_shown(tmp_path: Path) -> None:
    result = check("[push]\ndatabase_url = 'postgresql://footfall:s3cret@db.example/footfall'", tmp_path)
    assert result.exit_code == 0
    assert "postgresql://…@db.example/footfall" in result.output
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("setting", "content", "said"),
    [
        ("seed_file", None, "expected a readable registry as JSON"),
        ("seed_file", "{", "expected a registry as JSON: Input data was truncated"),
        ("seed_file", '{"stores": [{"id": "a b", "name": "x"}]}', "at `$.stores[0].id`"),
        ("broker.password_file", None, "expected a readable file"),
        ("master_key_file", "abc", "expected 64 hex digits"),
    ],
)
def test_a_file_that_settings_name_is_looked_into(setting: str, content: str | None, said: str, tmp_path: Path) -> None:
    named = tmp_path / "named"
    if content is not None:
        named.write_text(content)
    result = check(f"[push]\n{setting} = '{named}'", tmp_path)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith(f"footfall-push: {named}: ")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "sqlite:data/push.db"),
        ("sqlite:///srv/a@b/push.db", "sqlite:///srv/a@b/push.db"),
        ("postgresql://ann:hunter2@db:5432/shop", "postgresql://…@db:5432/shop"),
        ("postgresql://ann:hun@ter/2@db/shop", "postgresql://…@db/shop"),
        ("postgresql://db/shop?user=ann&password=hunter2", "postgresql://db/shop?…"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    assert PushSettings(database_url=url).shown_database() == shown
