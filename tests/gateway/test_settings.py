import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from beacons.config import ConfigError
from gateway.settings import GatewaySettings, read_settings

REQUIRED = '[gateway]\nid = "g1"\nstore = "s1"\nsecret_file = "/etc/secret"\n'


def read(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> GatewaySettings:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_settings(path, env or {})


def test_three_settings_are_enough(tmp_path: Path) -> None:
    settings = read(tmp_path, REQUIRED)
    assert (settings.uplink.window, settings.scan.adapter, settings.spool.synchronous) == (64, "hci0", "NORMAL")


def test_the_environment_overrides(tmp_path: Path) -> None:
    env = {"FOOTFALL__GATEWAY__UPLINK__BROKERS": '["mqtts://[::1]:8883", "mqtt://b"]'}
    assert read(tmp_path, REQUIRED, env).uplink.brokers == ("mqtts://[::1]:8883", "mqtt://b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[gateway]\nid = "g1"\n', "gateway.store missing; expected a value, this key is required"),
        (REQUIRED.replace('"s1"', '"a b"'), "gateway.store is 'a b'"),
        (REQUIRED + "color = 1", "gateway.color is 1; expected no such key"),
        (REQUIRED + "[gateway.uplink]\nbrokers = []", "gateway.uplink.brokers"),
        (REQUIRED + '[gateway.uplink]\nbrokers = ["http://a"]', "gateway.uplink.brokers[0] is 'http://a'"),
        (REQUIRED + '[gateway.uplink]\nbrokers = ["mqtt://user:secret@a"]', "gateway.uplink.brokers[0]"),
        (REQUIRED + '[gateway.scan]\nbackend = "os.system"', "gateway.scan.backend is 'os.system'"),
        (REQUIRED + '[gateway.scan]\nmode = "loud"', "gateway.scan.mode is 'loud'"),
        (REQUIRED + '[gateway.spool]\nmax_mb = "1"', "gateway.spool.max_mb is '1'; expected `int`"),
        (REQUIRED + "[gateway.health]\nmetrics_port = 70000", "gateway.health.metrics_port is 70000"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)):
        read(tmp_path, text)


def test_the_shipped_configuration_says_the_defaults() -> None:
    table = tomllib.loads((Path(__file__).parents[2] / "config.toml").read_text())["gateway"]
    settings = msgspec.convert(table, GatewaySettings)
    bare = GatewaySettings(id=settings.id, store=settings.store, secret_file=settings.secret_file)
    assert settings == bare
