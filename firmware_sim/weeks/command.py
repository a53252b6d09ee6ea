"""`footfall-sim week`: a simulated week of a chain through the real decisions, faster than the clock."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from firmware_sim.weeks.crowd import crowd
from firmware_sim.weeks.house import Chain, house, keyring_in
from firmware_sim.weeks.offers import IMPATIENT, PATIENT, offers
from firmware_sim.weeks.play import BEGIN_MS, play
from firmware_sim.weeks.plot import plot
from firmware_sim.weeks.tally import Week, histogram, table, verdicts

WITH: Final = "as Footfall decides"
WITHOUT: Final = "without caps and patience"


class Size(NamedTuple):
    """How large a chain, and for how long."""

    people: int
    stores: int
    campaigns: int
    days: int
    seed: int


@click.command()
@click.option("--people", type=click.IntRange(1, 100_000), default=5_000, show_default=True)
@click.option("--stores", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--campaigns", type=click.IntRange(1, 1_000), default=40, show_default=True)
@click.option("--days", type=click.IntRange(1, 60), default=7, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--without-patience", is_flag=True, help="Play it again without caps and fatigue, beside it.")
@click.option("--plot", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw pushes per person.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object alone.")
def week(  # noqa: PLR0913, PLR0917 - click's options
    people: int,
    stores: int,
    campaigns: int,
    days: int,
    seed: int,
    without_patience: bool,  # noqa: FBT001 - click's flags
    picture: Path | None,
    as_json: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Play a week of a chain: visits, purchases, what people are told, and how they take it.

    Every decision is made as a server makes it, on a database that is thrown away, and made again from its receipt at
    the end. The same seed gives the same people and visits.
    """
    size = Size(people, stores, campaigns, days, seed)
    found = {WITH: simulate(size, is_patient=True)}
    if without_patience:
        found[WITHOUT] = simulate(size, is_patient=False)
    if picture is not None:
        _draw(picture, size, found)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    _print(found)


def simulate(size: Size, *, is_patient: bool) -> Week:
    """One week of a chain."""
    with tempfile.TemporaryDirectory(prefix="footfall-week-") as name:
        folder = Path(name)
        keyring = keyring_in(folder / "keys", BEGIN_MS)
        chain = Chain(
            crowd(size.people, size.stores, size.seed),
            size.stores,
            offers(size.campaigns, is_patient=is_patient),
            PATIENT if is_patient else IMPATIENT,
        )

        async def played() -> Week:
            async with house(folder, chain, keyring, BEGIN_MS) as there:
                return await play(there, chain, size.days, size.seed, _say_day)

        return asyncio.run(played())


def _say_day(day: int) -> None:
    click.echo(f"day {day} is over", err=True)


def _draw(picture: Path, size: Size, found: Mapping[str, Week]) -> None:
    title = f"{size.people:,} people, {size.stores} stores, {size.campaigns} campaigns, {size.days} days"
    try:
        plot(picture, title, found)
    except OSError as error:
        raise click.ClickException(f"cannot write {picture}: {error.strerror}") from None


def _print(found: Mapping[str, Week]) -> None:
    console = Console()
    for rows in (table(found), verdicts(found)):
        shown = Table(box=SIMPLE)
        for n, name in enumerate(rows[0]):
            shown.add_column(name, justify="right" if n else "left")
        for row in rows[1:]:
            shown.add_row(*row)
        console.print(shown)
    for name, one in found.items():
        console.print(f"Pushes per person, {name}:", highlight=False)
        for line in histogram(one):
            console.print(line, highlight=False)
