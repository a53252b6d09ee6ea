"""Is anything heard? A scan of some seconds, as the daemon would scan."""

import asyncio
from collections import Counter
from typing import Final

from beacons.frames import decode, identity
from beacons.ids import NAMES, IdKind
from gateway.advert import Advert, ScannerDeadError
from gateway.doctor.finding import Check, Finding, Tell, fault, ok, warning
from gateway.scan import open_scanner
from gateway.settings import ScanSettings
from gateway.tasks import ended

NAME: Final = "scan"
SCAN_S: Final = 4.0
"""A beacon that speaks once a second is missed by four packets in a row only where it is hardly in range."""
STOP_S: Final = 8.0
"""A scanner that was started has this long to be stopped."""
MOST_IDS: Final = 10_000


class Heard:
    """What a scan heard and, if it did not begin, why."""

    def __init__(self) -> None:
        self.packets = 0
        self.began = False
        self.why = ""
        self._ids: set[tuple[IdKind, bytes]] = set()

    def hear(self, advert: Advert) -> None:
        """One packet."""
        self.packets += 1
        frame = decode(advert.manufacturer_data, advert.service_data, {})
        named = None if frame is None else identity(frame)
        if named is not None and len(self._ids) < MOST_IDS:
            self._ids.add(named[:2])

    def said(self, event: str, particulars: dict[str, object]) -> None:
        """A report of the scanner."""
        self.began = self.began or event == "started"
        self.why = str(particulars.get("why", self.why))

    def beacons(self) -> str:
        """How many beacons of which format."""
        formats = Counter(NAMES[kind] for kind, _ in self._ids)
        return ", ".join(f"{count} {name}" for name, count in sorted(formats.items())) or "no beacons"


def hearing(scan: ScanSettings, scan_s: float = SCAN_S) -> Check:
    """The check of the air. `open_scanner` loads the radio's code, so make this before the loop turns."""
    heard = Heard()
    scanner = open_scanner(scan, heard.said)

    async def look(tell: Tell) -> None:
        task = asyncio.create_task(scanner.run(heard.hear), name="doctor's scan")
        try:
            await asyncio.wait({task}, timeout=scan_s)
        finally:
            try:
                await ended(task)
            except* ScannerDeadError as errors:
                heard.why = str(errors.exceptions[0])
        tell(_finding(heard, scan_s))

    stuck = "Restart BlueZ: sudo systemctl restart bluetooth."
    return Check(NAME, look, scan_s + STOP_S, stuck)


def _finding(heard: Heard, scan_s: float) -> Finding:
    if not heard.began:
        step = (
            "Mend what the Bluetooth findings name; if they are well, restart BlueZ: sudo systemctl restart bluetooth."
        )
        return fault(NAME, f"scanning does not begin: {heard.why or 'no answer'}", step)
    seen = f"{heard.packets} packets in {scan_s:g} s, {heard.beacons()}"
    if heard.packets:
        return ok(NAME, seen)
    step = "Hold a beacon beside the box; if even that is not heard, look at the antenna or take another adapter."
    return warning(NAME, seen, step)
