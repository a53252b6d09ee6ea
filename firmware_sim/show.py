"""The demo on a terminal: the floor with those who are on it, what just happened, and the figures."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from firmware_sim.floor import Floor, zone_at
from firmware_sim.report import Percentiles, Report, percentiles
from firmware_sim.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAME_S: Final = 0.2
ASK_EVERY: Final = 5
"""Frames between two questions to the server: one a second."""
COLUMNS_PER_M: Final = 3
METRES_PER_ROW: Final = 1.0
FEED: Final = 12
TEAL: Final = "#0f766e"
ORANGE: Final = "#d9480f"
FLASH_MS: Final = 3000


class Figures:
    """What the server last said."""

    def __init__(self) -> None:
        self.statistics: dict[str, Any] = {}
        self.deliveries: Sequence[dict[str, Any]] = ()

    async def ask(self, scene: Scene) -> None:
        """Ask the server."""
        self.statistics = await scene.operator.get("/v1/statistics")
        self.deliveries = await scene.operator.get("/v1/deliveries")


async def draw(scene: Scene, over: asyncio.Event) -> None:
    """Draw until `over`."""
    console = Console()
    figures = Figures()
    frame = 0
    with Live(console=console, screen=console.is_terminal, refresh_per_second=1 / FRAME_S, auto_refresh=False) as live:
        while not over.is_set():
            if frame % ASK_EVERY == 0:
                await figures.ask(scene)
            if console.is_terminal:
                live.update(picture(scene, figures, time.time_ns() // 1_000_000), refresh=True)
            frame += 1
            await asyncio.sleep(FRAME_S)


async def silent(scene: Scene, over: asyncio.Event) -> None:
    """Draw nothing until `over`; say where the app is, beside what is printed for machines."""
    sys.stderr.write(f"the app: {scene.http_url}/app/\n")
    if scene.login is not None:
        login, password = scene.login
        sys.stderr.write(f"the console: {scene.http_url}/console/ (login {login}, password {password})\n")
    await over.wait()


def picture(scene: Scene, figures: Figures, now_ms: int) -> RenderableType:
    """One frame."""
    layout = Layout()
    layout.split_column(Layout(_heading(scene), size=2), Layout(name="middle"), Layout(_numbers(figures), size=5))
    layout["middle"].split_row(Layout(_floor(scene, now_ms), ratio=2), Layout(_feed(scene), ratio=1))
    return layout


def _heading(scene: Scene) -> Text:
    """Two lines: how long, and where to look."""
    left = "" if scene.ends_s is None else f" · {max(0, scene.ends_s - time.monotonic()):.0f} s left"
    return Text.assemble(
        (scene.floor.store.name, "bold"),
        f"{left} · your own phone: ",
        (f"{scene.http_url}/app/", "underline"),
        " · Ctrl-C ends",
        *_console(scene),
    )


def _console(scene: Scene) -> tuple[str | tuple[str, str], ...]:
    if scene.login is None:
        return ()
    login, password = scene.login
    return "\nconsole: ", (f"{scene.http_url}/console/", "underline"), f" · login {login} · password {password}"


def _floor(scene: Scene, now_ms: int) -> Panel:
    """The plan from above, the door at the bottom; orange is who was just shown a push."""
    floor = scene.floor
    grid = _ground(floor)
    for gateway in floor.gateways:
        _put(grid, floor, (gateway.x_m, gateway.y_m), "◆", "bold")
    lit = {n.phone for n in scene.noticed[-FEED * 4 :] if n.kind == "shown" and n.at_ms > now_ms - FLASH_MS}
    for walker, owner in scene.owners.items():
        at = scene.world.where(walker, now_ms)
        if at is not None:
            _put(grid, floor, (at.x_m, at.y_m), *(("◉", ORANGE) if owner.phone in lit else ("●", TEAL)))
    lines = [Text.assemble(*row, no_wrap=True, overflow="crop") for row in grid]
    signs = ("●", TEAL), " member   ", ("◉", ORANGE), " was just shown a push   ", ("◆", "bold"), " gateway"
    return Panel(Group(*lines, Text.assemble("", *signs)), title="Floor", title_align="left", border_style="dim")


def _ground(floor: Floor) -> list[list[tuple[str, str]]]:
    """Zones by their borders and names."""
    rows, columns = int(floor.depth_m / METRES_PER_ROW), int(floor.width_m * COLUMNS_PER_M)
    zones = [[_zone(floor, row, column) for column in range(columns)] for row in range(rows)]
    grid = [[(_border(zones, row, column), "dim") for column in range(columns)] for row in range(rows)]
    for zone in floor.zones:
        cells = [(r, c) for r in range(rows) for c in range(columns) if zones[r][c] == zone.id]
        row, column = (sum(values) // len(cells) for values in zip(*cells, strict=True))
        for n, letter in enumerate(zone.name, start=column - len(zone.name) // 2):
            grid[row][n] = (letter, "dim")
    return grid


def _zone(floor: Floor, row: int, column: int) -> str | None:
    return zone_at(floor, ((column + 0.5) / COLUMNS_PER_M, floor.depth_m - (row + 0.5) * METRES_PER_ROW))


def _border(zones: list[list[str | None]], row: int, column: int) -> str:
    here = zones[row][column]
    right = zones[row][column + 1] if column + 1 < len(zones[row]) else here
    below = zones[row + 1][column] if row + 1 < len(zones) else here
    return "·" if (right, below) != (here, here) else " "


def _put(grid: list[list[tuple[str, str]]], floor: Floor, at: tuple[float, float], sign: str, style: str) -> None:
    row, column = int((floor.depth_m - at[1]) / METRES_PER_ROW), round(at[0] * COLUMNS_PER_M)
    if 0 <= row < len(grid) and 0 <= column < len(grid[row]):
        grid[row][column] = (sign, style)


def _feed(scene: Scene) -> Panel:
    table = Table.grid(padding=(0, 1))
    for notice in scene.noticed[: -FEED - 1 : -1]:
        clock = time.strftime("%H:%M:%S", time.localtime(notice.at_ms / 1000))
        what = Text.assemble((notice.kind, ORANGE), f" {notice.title}\n", (f"by {notice.via}", "dim"), no_wrap=True)
        what.overflow = "ellipsis"
        table.add_row(Text(clock, "dim"), what)
    body: RenderableType = table if scene.noticed else Text("Nobody has been shown anything yet.", "dim")
    return Panel(body, title="Happening now", title_align="left", border_style="dim")


def _numbers(figures: Figures) -> Panel:
    sent = [d for d in figures.deliveries if d["accepted_ms"] is not None]
    latency = percentiles([d["accepted_ms"] - d["heard_ms"] for d in sent])
    table = Table.grid(padding=(0, 3), expand=True)
    table.add_row(
        _figure(figures.statistics.get("sightings", 0), "sightings"),
        _figure(len(sent), "pushes sent"),
        _figure(sum(d["shown_ms"] is not None for d in figures.deliveries), "shown"),
        _figure("-" if latency.p50 is None else f"{latency.p50 / 1000:.2f} s", "heard to handed over, p50"),
        _figure(figures.statistics.get("lost_batches", 0), "batches lost"),
    )
    return Panel(table, border_style="dim")


def _figure(value: object, meaning: str) -> Text:
    return Text.assemble((f"{value}", "bold"), "\n", (meaning, "dim"))


def summary(report: Report) -> RenderableType:
    """The report for people."""
    latency = report.latency_ms
    table = Table(title=f"{report.seconds:g} s in a simulated store", title_justify="left", show_header=False)
    rows: list[tuple[str, object]] = [
        ("sightings taken in", f"{report.sightings} in {report.batches} batches"),
        ("visits noticed", report.visits),
        ("decisions", report.decisions),
        ("pushes sent · shown · opened", f"{report.pushes_sent} · {report.pushes_shown} · {report.pushes_opened}"),
        ("first packet to store entered", _spread(latency.heard_to_moment)),
        ("first packet to handed over", _spread(latency.heard_to_handed_over)),
        ("phone's report to handed over", _spread(latency.report_to_handed_over)),
        ("batches lost · applied twice", f"{report.lost_batches} · {report.duplicate_batches_applied}"),
    ]
    for name, value in rows:
        table.add_row(name, str(value))
    return table


def _spread(latency: Percentiles) -> str:
    return f"p50 {latency.p50:g} ms  p99 {latency.p99:g} ms" if latency.n else "-"
