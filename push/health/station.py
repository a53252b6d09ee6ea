"""The whole of it without a database or a clock: told of what is heard, asked once a minute."""

from collections.abc import Iterable
from functools import partial

from push.health import rules_beacons, rules_gateways, telling
from push.health.facts import Facts
from push.health.fleet import Fleet, fleet_of
from push.health.judge import Changes, Judge
from push.health.settings import HealthSettings
from push.health.verdicts import Verdict
from push.health.voltages import Voltages
from push.health.watch import View, Watch
from push.model.health import Finding
from push.registry.directory import Directory

_OF_GATEWAYS = (
    rules_gateways.offline,
    rules_gateways.never_connected,
    rules_gateways.deaf,
    rules_gateways.slow,
    rules_gateways.skewed,
    rules_gateways.spool_growing,
    rules_gateways.version_behind,
)
_OF_BEACONS = (
    rules_beacons.silent,
    rules_beacons.never_heard,
    rules_beacons.moved,
    rules_beacons.cloned,
    rules_beacons.drifting,
)


class Station:
    """What is known, judged. `turn` once a minute; between a start, or a gap, and its grace nothing is judged."""

    def __init__(
        self, limits: HealthSettings, standing: Iterable[Finding] = (), voltages: Voltages | None = None
    ) -> None:
        self.limits = limits
        self.watch = Watch()
        self.voltages = voltages or Voltages()
        self.judge = Judge(standing)
        self._view: View | None = None

    @property
    def fleet(self) -> Fleet:
        """Who is watched over."""
        return self.watch.fleet

    def use(self, directory: Directory, now_ms: int) -> None:
        """Watch over this registry's fleet from now on."""
        self.watch.use(fleet_of(directory), now_ms)
        self._view = None

    def turn(self, now_ms: int) -> Changes:
        """End a minute: what it brought."""
        self.voltages.take(self.watch.read())
        view = self._view = self.watch.turn(now_ms, self.judge.suspects())
        if now_ms - view.listening_ms < self.limits.grace_s * 1000:
            return Changes([], [], [])
        facts = Facts(view, self.voltages, self.limits, now_ms)
        return self.judge.step(self._verdicts(view, now_ms), self._stores(view), partial(telling.words, facts), now_ms)

    def facts(self, now_ms: int) -> Facts:
        """Everything as it stood at the end of the last minute, to tell from."""
        view = self._view or self.watch.view(now_ms, self.judge.suspects())
        return Facts(view, self.voltages, self.limits, now_ms)

    def _verdicts(self, view: View, now_ms: int) -> list[Verdict]:
        found = [rule(view, self.limits, now_ms) for rule in (*_OF_GATEWAYS, *_OF_BEACONS)]
        return [*found, rules_beacons.battery_low(view, self.limits, now_ms, self.voltages)]

    def _stores(self, view: View) -> dict[str, str | None]:
        """Where each gateway is that ever connected."""
        first_ms = view.gateways["first_ms"]
        return {g.id: g.store for i, g in enumerate(view.fleet.gateways) if first_ms[i] > 0}
