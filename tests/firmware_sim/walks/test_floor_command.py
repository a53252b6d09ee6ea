import json

from click.testing import CliRunner

from firmware_sim.cli import main


def test_a_simulated_store_is_watched_as_it_should_be_and_with_a_gateway_dead() -> None:
    """Three people, before gateways have learned anything: nobody is lost, and presence is sure of nothing wrong."""
    options = {"people": 3, "minutes": 0.5, "warm-up": 0, "seed": 4}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    result = CliRunner().invoke(main, ["floor", *arguments, "--fault=none", "--fault=dead"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert list(found) == ["none", "dead"]
    assert "zone entries within 2 s" in result.stdout
    for verdict in found.values():
        assert verdict["visits"] == verdict["people"] == 3
        assert verdict["split_visits"] == 0
        assert verdict["store_exits"] == 1
        assert verdict["confident_wrong"] < 0.05
        assert verdict["entries"] > 3
