"""Is anything heard? A scan of some seconds, as the daemon would scan."""

import asyncio
from typing import Final

from gateway.advert import ScannerDeadError
from gateway.doctor.finding import Check, Finding, Tell, fault, ok, warning
from gateway.heard import Heard
from gateway.scan import open_scanner
from gateway.settings import ScanSettings
from gateway.tasks import ended

NAME: Final = "scan"
SCAN_S: Final = 4.0
"""A beacon that speaks once a second is missed by four packets in a row only where it is hardly in range."""
STOP_S: Final = 8.0
"""A scanner that was started has this long to be stopped."""


class Said:
    """What the scanner said of itself: whether it began, and if not, why."""

    def __init__(self) -> None:
        self.began = False
        self.why = ""

    def __call__(self, event: str, particulars: dict[str, object]) -> None:
        """A report of the scanner."""
        self.began = self.began or event == "started"
        self.why = str(particulars.get("why", self.why))


def hearing(scan: ScanSettings, scan_s: float = SCAN_S) -> Check:
    """The check of the air. `open_scanner` loads the radio's code, so make this before the loop turns."""
    said, heard = Said(), Heard()
    scanner = open_scanner(scan, said)

    async def look(tell: Tell) -> None:
        task = asyncio.create_task(scanner.run(heard.hear), name="doctor's scan")
        try:
            await asyncio.wait({task}, timeout=scan_s)
        finally:
            try:
                await ended(task)
            except* ScannerDeadError as errors:
                said.why = str(errors.exceptions[0])
        tell(_finding(said, heard, scan_s))

    stuck = "Restart BlueZ: sudo systemctl restart bluetooth."
    return Check(NAME, look, scan_s + STOP_S, stuck)


def _finding(said: Said, heard: Heard, scan_s: float) -> Finding:
    if not said.began:
        step = (
            "Mend what the Bluetooth findings name; if they are well, restart BlueZ: sudo systemctl restart bluetooth."
        )
        return fault(NAME, f"scanning does not begin: {said.why or 'no answer'}", step)
    seen = f"{heard.packets} packets in {scan_s:g} s, {heard.formats()}"
    if heard.packets:
        return ok(NAME, seen)
    step = "Hold a beacon beside the box; if even that is not heard, look at the antenna or take another adapter."
    return warning(NAME, seen, step)
