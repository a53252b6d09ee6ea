from datetime import UTC
from zoneinfo import ZoneInfo

from push.registry.clocks import Zones


async def test_zones_are_learned_off_the_loop_and_anybodys_words_are_utc() -> None:
    zones = Zones()
    await zones.learn(["Europe/Berlin", "", "Europe", "../../etc/passwd", "No/Where", "x" * 5000, "a\0b"])
    assert zones.named("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert zones.knows("Europe/Berlin")
    assert {zones.named(name) for name in ("", "Europe", "../../etc/passwd", "Asia/Tokyo")} == {UTC}
    assert not zones.knows("Europe")
