"""`footfall-sim walks`: recorded walks through the real presence, beside what everybody does."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

from firmware_sim.walks.baselines import steady, strongest
from firmware_sim.walks.files import Ints, Receivers, TableError, Walk, read_receivers, read_walk
from firmware_sim.walks.plot import plot
from firmware_sim.walks.replay import fitted, replay
from firmware_sim.walks.score import Answers, Figures, Marks, figures, marks, seconds_ms, together, truth_m

BASELINES: Final[dict[str, Callable[[Walk, Ints, Receivers], Answers]]] = {
    "strongest, 2 s": strongest,
    "strongest, 6 dB, 4 s": steady,
}
WAYS: Final = ("Footfall", *BASELINES)
ALL: Final = "all"
_File: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_HEAD: Final = ("", "right", "≤ 6 m", "sw/min", "median", "p90", "ECE", "s")
"""Shares of seconds, switches a minute, errors in metres: narrow enough for any terminal."""


class Replayed(NamedTuple):
    """A walk, what was said of it by each of `WAYS`, and what that is worth."""

    walk: Walk
    answers: Answers
    marks: tuple[Marks, ...]


@click.command()
@click.argument("walk", nargs=-1, required=True, type=_File)
@click.option("--gateways", required=True, type=_File, help="Who listened: CSV with gateway, x_m, y_m.")
@click.option("--train", multiple=True, type=_File, help="A walk to fit the radio to first; repeatable.")
@click.option("--leave-one-out", is_flag=True, help="Fit the radio for each WALK to all the others.")
@click.option("--plot", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw the one WALK as a PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print no table, only the last line.")
def walks(  # noqa: PLR0913, PLR0917 - click's options
    walk: tuple[Path, ...],
    gateways: Path,
    train: tuple[Path, ...],
    leave_one_out: bool,  # noqa: FBT001 - click's flags
    picture: Path | None,
    as_json: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Replay recorded walks through presence, second by second, and compare with where the walker was.

    A WALK is CSV with time_s, gateway, rssi_dbm, x_m, y_m. The last line that is printed is one JSON object, of all
    walks together.
    """
    _check(walk, train, picture, leave_one_out=leave_one_out)
    try:
        receivers = read_receivers(gateways)
        tested, trained = ([read_walk(path, receivers) for path in paths] for paths in (walk, train))
    except TableError as error:
        raise click.UsageError(str(error)) from None
    _say_unknown([*tested, *trained])
    played = list(_played(tested, trained, receivers, leave_one_out=leave_one_out))
    if picture:
        _draw(picture, played[0], receivers)
    if not as_json:
        Console().print(_table(played))
    click.echo(msgspec.json.encode(_pooled(played, 0)).decode())


def _check(walk: Sequence[Path], train: Sequence[Path], picture: Path | None, *, leave_one_out: bool) -> None:
    """Refuse what would not be a fair trial, or cannot be drawn."""
    tested = [path.resolve() for path in walk]
    if len(set(tested)) < len(tested):
        raise click.UsageError("a WALK is given twice")
    both = [str(path) for path in train if path.resolve() in tested]
    if both:
        raise click.UsageError(f"{', '.join(both)} is under test: nothing may be fitted to it")
    if leave_one_out and (train or len(tested) == 1):
        raise click.UsageError("--leave-one-out takes two walks or more, and no --train")
    if picture and len(tested) > 1:
        raise click.UsageError("--plot draws one WALK")


def _say_unknown(several: Sequence[Walk]) -> None:
    for walk in several:
        if walk.unknown:
            click.echo(f"{walk.name}: {walk.unknown} sightings by unknown gateways are ignored", err=True)


def _played(
    tested: Sequence[Walk], trained: Sequence[Walk], receivers: Receivers, *, leave_one_out: bool
) -> Iterator[Replayed]:
    model = fitted(trained, receivers)
    for walk in track(tested, "walks", console=Console(stderr=True), transient=True):
        if leave_one_out:
            model = fitted([other for other in tested if other is not walk], receivers)
        at_ms = seconds_ms(walk)
        truth = truth_m(walk, at_ms)
        said = [replay(walk, receivers, model), *(way(walk, at_ms, receivers) for way in BASELINES.values())]
        yield Replayed(walk, said[0], tuple(marks(answers, truth, receivers) for answers in said))


def _pooled(played: Sequence[Replayed], way: int) -> Figures:
    return figures(together([one.marks[way] for one in played]))


def _table(played: Sequence[Replayed]) -> Table:
    table = Table(*_HEAD, box=SIMPLE, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    table.columns[0].width = max(map(len, WAYS)) + 2
    for one in played:
        _section(table, one.walk.name, [figures(said) for said in one.marks])
    if len(played) > 1:
        _section(table, ALL, [_pooled(played, way) for way in range(len(WAYS))])
    return table


def _section(table: Table, name: str, found: Sequence[Figures]) -> None:
    table.add_row(name, style="bold")
    for way, one in zip(WAYS, found, strict=True):
        table.add_row(
            f"  {way}",
            f"{one.right:.1%}",
            f"{one.within_6m:.1%}",
            f"{one.switches_per_minute:.1f}",
            _number(one.median_error_m),
            _number(one.p90_error_m),
            _number(one.ece, 3),
            str(one.seconds),
        )
    table.add_section()


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _draw(path: Path, one: Replayed, receivers: Receivers) -> None:
    found = figures(one.marks[0])
    title = f"{one.walk.name}: {found.right:.0%} right, {found.within_6m:.0%} within 6 m"
    try:
        plot(path, title, receivers, truth_m(one.walk, seconds_ms(one.walk)), one.answers)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None
