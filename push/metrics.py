"""Counters of this process, in Prometheus' text format."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

Read = Callable[[], Mapping[str, float]]


class Counters(Collector):
    """Labelled counters and gauges, read when they are asked for."""

    def __init__(
        self, counters: Mapping[str, tuple[str, str, Read]], gauges: Mapping[str, tuple[str, str, Read]]
    ) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Every figure as it stands."""
        for name, (help_, label, read) in self._counters.items():
            counter = CounterMetricFamily(name, help_, labels=[label])
            for key, value in sorted(read().items()):
                counter.add_metric([key], value)
            yield counter
        for name, (help_, label, read) in self._gauges.items():
            gauge = GaugeMetricFamily(name, help_, labels=[label])
            for key, value in sorted(read().items()):
                gauge.add_metric([key], value)
            yield gauge


def text(collector: Collector) -> bytes:
    """All figures as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)
