"""`footfall-sim floor`: a simulated store through windows and the real presence, as it should be and with faults."""

from collections.abc import Iterator, Sequence
from typing import Final

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from firmware_sim.walks.recording import Recording, record
from firmware_sim.walks.reporting import FAULTS, Fault, broken, reports
from firmware_sim.walks.verdict import Verdict, judge
from firmware_sim.walks.watching import watch

_FAULT: Final = click.Choice(FAULTS)
SHARES: Final = {
    "zone entries within 2 s": "zone_entries",
    "… noticed later": "late_entries",
    "zone exits within 20 s": "zone_exits",
    "store exits within 20 s": "store_exits",
    "confident and wrong": "confident_wrong",
    "right": "right",
    "unknown": "unknown",
}
COUNTS: Final = {
    "false entries a person-day": "false_entries_per_person_day",
    "calibration error": "ece",
    "visits seen": "visits",
    "visits split": "split_visits",
    "strangers taken for visitors": "strangers",
    "zone entries in truth": "entries",
    "people": "people",
}


@click.command()
@click.option("--people", type=click.IntRange(1, 2000), default=200, show_default=True)
@click.option("--minutes", type=click.FloatRange(0.5, 600), default=40.0, show_default=True, help="They come within.")
@click.option("--warm-up", type=click.FloatRange(0, 60), default=10.0, show_default=True, help="Minutes not judged.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--fault", "faults", type=_FAULT, multiple=True, help="Only with this going wrong; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print no table, only the last line.")
def floor(  # noqa: PLR0913, PLR0917 - click's options
    people: int,
    minutes: float,
    warm_up: float,
    seed: int,
    faults: tuple[Fault, ...],
    as_json: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Simulate a store of eight zones and twelve gateways, and compare presence with where people truly were.

    While it warms up, people come as well, and gateways learn how they hear. Once as it should be, then the same
    people with one gateway dead, deaf (-15 dB), skewed by 30 s, and with 20 % of all reports lost. The last line that
    is printed is one JSON object, by fault.
    """
    with Progress(console=Console(stderr=True), transient=True) as progress:
        progress.add_task("on the air", total=None)
        recording = record(people, minutes, warm_up, seed)
        verdicts = dict(_tried(recording, faults or FAULTS, seed, progress))
    if not as_json:
        Console().print(_table(verdicts))
    click.echo(msgspec.json.encode(verdicts).decode())


def _tried(
    recording: Recording, faults: Sequence[Fault], seed: int, progress: Progress
) -> Iterator[tuple[Fault, Verdict]]:
    undisturbed = reports(recording)
    for fault in dict.fromkeys(faults):
        task = progress.add_task(fault, total=None)
        said = broken(recording, undisturbed, fault, seed)
        yield fault, judge(recording, *watch(recording, said))
        progress.remove_task(task)


def _table(verdicts: dict[Fault, Verdict]) -> Table:
    table = Table("", *verdicts, box=SIMPLE, pad_edge=False)
    for title, name in SHARES.items():
        table.add_row(title, *(_share(getattr(verdict, name)) for verdict in verdicts.values()))
    table.add_section()
    for title, name in COUNTS.items():
        table.add_row(title, *(_number(getattr(verdict, name)) for verdict in verdicts.values()))
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
