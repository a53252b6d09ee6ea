"""What a radio heard, and the port through which the gateway hears it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    import asyncio

Report = Callable[[str, dict[str, object]], None]
"""Takes the name of what happened, and its particulars."""


class Advert(Struct, frozen=True, gc=False):
    """One packet of one transmitter, as far as it is of use: what it said, how loud, and when on the boot clock."""

    address: str
    rssi_dbm: int
    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    heard_ms: int


OnAdvert = Callable[[Advert], None]


class Scanner(Protocol):
    """A radio that listens."""

    async def run(self, on_advert: OnAdvert) -> None:
        """Hand over every packet until cancelled, recovering by itself from whatever befalls the radio.

        What `on_advert` raises ends the scan and is raised here. Raises `ScannerDeadError` when every remedy
        was tried in vain: the process ought to end, for the service manager to start it anew.
        """
        ...


class Ground(NamedTuple):
    """What a radio stands on: a future that tells why it was lost, once it is, and what there is to say of it."""

    lost: "asyncio.Future[str]"
    about: Mapping[str, object] = {}


class ScannerDeadError(Exception):
    """Nothing is heard, and restarting the scanner and power-cycling the adapter have not helped."""

    def __init__(self, adapter: str, silent_ms: int) -> None:
        super().__init__(f"{adapter}: nothing heard since the last remedy {silent_ms} ms ago, and none is left")


class RadioAbsentError(Exception):
    """There is nothing to scan with now: no bus, no bluetoothd on it, or no such adapter. It may come back."""


class RadioRefusedError(Exception):
    """The radio's system answered a call with an error (`error_name`), or not in time (empty)."""

    def __init__(self, text: str, error_name: str = "") -> None:
        super().__init__(text)
        self.error_name = error_name
