"""Every figure of /metrics is explained, and there are never more lines than anybody could read."""

import re
from pathlib import Path

from push.deliver.gates import Reading
from push.figures import MOST_GATES, legible
from tests.support.servers import serving, settings

DOCS = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


async def test_every_figure_is_explained_and_every_one_explained_is_told(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as server:
        await server.operate("POST", "/v1/stops", {"scope": "store:s9", "why": "a test"})
        told = (await server.call("GET", "/metrics")).raw.decode()
    named = re.findall(r"^# TYPE (\S+) (\w+)", told, re.MULTILINE)
    assert named
    assert {name for name, _ in named} == set(re.findall(r"^\| `(footfall_\w+)` \|", DOCS, re.MULTILINE))
    assert [line for line in told.splitlines() if line.startswith("footfall_stops")] == [
        'footfall_stops{scope="all"} 0.0',
        'footfall_stops{scope="campaign"} 0.0',
        'footfall_stops{scope="store"} 1.0',
    ]
    for name in ("footfall_now", "footfall_queued", "footfall_credentials", "footfall_templates_total"):
        labels = re.findall(rf'^{name}{{\w+="(\w+)"}}', told, re.MULTILINE)
        assert [label for label in labels if f"`{label}`" not in DOCS] == []


def test_closed_gates_come_first_and_too_many_share_a_line() -> None:
    readings = {f"fcm/app-{number}/": Reading(16.0, 1, is_open=True) for number in range(MOST_GATES + 20)}
    shown = legible(
        {**readings, "fcm/busy/": Reading(4.0, 4, is_open=True), "webhook/zoo/": Reading(1.0, 0, is_open=False)}
    )
    assert list(shown)[:2] == ["webhook/zoo/", "fcm/busy/"]
    assert len(shown) == MOST_GATES + 1
    assert shown["other"] == Reading(16.0 * 22, 22, is_open=True)
