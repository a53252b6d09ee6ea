"""From the radio to the moment and to the hand-over, over the whole path as real processes on this machine.

python tests/bench/bench_latency.py

Runs `footfall-sim demo --json`: simulated radio, gateway daemons, nats-server, server, phones. Heard is the radio time
of a visit's first packet on the simulator's clock, moment is "store entered", handed over is when the push service or
the event stream took it. All of it shares one machine, the simulator and the phones included.

Beside it: what was measured of Pareto Anywhere with default settings, first packet to event out (cited, not run here).
"""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from tests.bench.table import Line, say, show

PARETO: Final = "Pareto Anywhere, cited"
PARETO_MS: Final = {"p50": 2051.0, "p95": 2099.0}
BUDGETS_MS: Final = {
    "heard_to_moment": {"p50": 200.0, "p95": 300.0},
    "heard_to_handed_over": {"p99": 500.0},
    "report_to_handed_over": {"p99": 300.0},
}
PROGRAM: Final = Path(sys.executable).with_name("footfall-sim")
STARTUP_S: Final = 60


class Run(NamedTuple):
    """One demo."""

    seconds: int
    shoppers: int


RUNS: Final = (Run(30, 24), Run(10, 60))


def play(run: Run) -> dict[str, Any]:
    """The report of one demo. Raises `subprocess.CalledProcessError`."""
    command = [str(PROGRAM), "demo", "--seconds", str(run.seconds), "--shoppers", str(run.shoppers), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=run.seconds + STARTUP_S)  # noqa: S603 - ours
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, Any])


def lines(report: dict[str, Any]) -> list[Line]:
    latencies = report["latency_ms"]
    found = [
        Line(
            f"{what.replace('_', ' ')}, {p}",
            latencies[what][p],
            "ms",
            budgets_ms.get(p),
            PARETO,
            PARETO_MS.get(p) if what == "heard_to_moment" else None,
        )
        for what, budgets_ms in BUDGETS_MS.items()
        for p in ("p50", "p95", "p99")
        if latencies[what][p] is not None
    ]
    return [
        *found,
        Line("batches lost", report["lost_batches"], "", 0),
        Line("batches applied twice", report["duplicate_batches_applied"], "", 0),
    ]


def main() -> None:
    """Print a table for each run."""
    for run in RUNS:
        report = play(run)
        say(
            f"{report['visits']} visits, {report['sightings']} sightings in {report['batches']} batches,"
            f" {report['pushes_sent']} pushes sent, {report['pushes_shown']} shown"
        )
        show(f"{run.shoppers} shoppers in {run.seconds} s", lines(report))


if __name__ == "__main__":
    main()
