"""Is the time right? Sightings do without (they are on the boot clock); certificates and people do not."""

from pathlib import Path
from typing import Final

from gateway.doctor.finding import Check, Finding, Tell, aside, ok, warning
from gateway.health import Health
from gateway.machine import synchronised

NAME: Final = "clock"
RTC: Final = Path("/sys/class/rtc")
DEADLINE_S: Final = 5.0
MUCH_MS: Final = 2000
"""Beyond this an NTP client does not do its work: over the worst of networks it is right to 100 ms."""

_SYNCHRONISE: Final = (
    "Start an NTP client: sudo timedatectl set-ntp true (or install chrony), and let UDP port 123 out."
)


def clock(health: Health | None, rtc: Path = RTC) -> Check:
    """The check of the clock, with what the running daemon's `health` says of the server's time."""

    async def look(tell: Tell) -> None:
        tell(_synchronised_finding(await aside(synchronised)))
        tell(await aside(lambda: _rtc_finding(rtc)))
        if health is not None and health.skew_ms is not None:
            tell(_skew_finding(health.skew_ms))

    return Check(NAME, look, DEADLINE_S, "Look at the disk and at dmesg: not even /sys answers.")


def _synchronised_finding(right: bool | None) -> Finding:  # noqa: FBT001 - of three values
    name = f"{NAME}.synchronised"
    if right is None:
        return warning(name, "the kernel does not tell whether the clock is kept right", "Look: timedatectl.")
    return ok(name, "the clock is kept right") if right else warning(name, "nothing keeps it right", _SYNCHRONISE)


def _rtc_finding(rtc: Path) -> Finding:
    """Many boxes have none, and the gateway is made for that: no cause for a warning."""
    if any(rtc.glob("rtc*")):
        return ok(f"{NAME}.battery", "a battery keeps the time while the power is off")
    return ok(f"{NAME}.battery", "no battery clock: after a power cut the time is unknown until the network is back")


def _skew_finding(skew_ms: int) -> Finding:
    name, seen = f"{NAME}.skew", f"{abs(skew_ms) / 1000:.1f} s {'ahead of' if skew_ms > 0 else 'behind'} the server"
    return (
        warning(name, seen, f"{_SYNCHRONISE} Or is the server's clock wrong?")
        if abs(skew_ms) > MUCH_MS
        else ok(name, seen)
    )
