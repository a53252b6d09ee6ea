import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_sim.air import listen
from firmware_sim.cli import main
from tests.firmware_sim.waiting import until


def heard(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["hear", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_hear_prints_packets_as_json_lines() -> None:
    lines = [json.loads(line) for line in heard("--seconds", "3", "--shoppers", "2").splitlines()]
    assert len(lines) > 50
    assert {line["receiver"] for line in lines} == {
        "hamburg-entrance",
        "hamburg-women",
        "hamburg-sport",
        "hamburg-cafe",
    }
    assert {line.get("kind") for line in lines} >= {"ibeacon", "eid"}
    assert all(bytes.fromhex(line["payload"]) for line in lines)


def test_hear_repeats_itself_with_the_same_seed_only() -> None:
    one, two, other = (heard("--seconds", "1", "--shoppers", "3", "--seed", seed) for seed in ("4", "4", "5"))
    assert one == two
    assert one != other


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--shoppers", "-1"], ["--seed", "x"]])
def test_nonsense_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["hear", *arguments]).exit_code == 2


def test_a_place_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["air", str(tmp_path / "missing" / "air"), "--seconds", "1"])
    assert result.exit_code == 1
    assert f"cannot serve {tmp_path / 'missing' / 'air'}" in result.output


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_air_serves_packets_to_other_processes_until_it_is_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "air"
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # as what a script starts with & inherits
    program = f"{ignoring}; from firmware_sim.cli import main; main()"
    command = [sys.executable, "-c", program, "air", str(path), "--seconds", "60", "--shoppers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)  # noqa: ASYNC220, S603 - our own program
    try:
        await until(lambda: connectable(path), 20)
        async for packet in listen(path, "hamburg-entrance"):
            assert packet.receiver == "hamburg-entrance"
            break
        process.send_signal(number)
        await until(lambda: process.poll() is not None, 10)
        assert process.returncode == 0
        assert not os.path.exists(path)  # noqa: ASYNC240, PTH110 - a question, not a wait
    finally:
        process.kill()
        process.communicate()


def connectable(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
