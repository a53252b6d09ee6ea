"""Remote configuration: applied at once, and kept, so that a restart without a broker goes on with it."""

import asyncio
from collections import Counter
from typing import Final

import msgspec
import structlog

from beacons.wire import GatewayConfig
from gateway.clock import Clock
from gateway.filter import FilterError
from gateway.machine import synchronised
from gateway.pipeline import Pipeline
from gateway.spool import Spool

KEPT_AS: Final = "config"
SINCE_KEPT_AS: Final = "config_since"

log = structlog.get_logger()


class RemoteConfig:
    """What the server last told this gateway. `version` is 0 until it has told anything: installation mode."""

    def __init__(self, clock: Clock, pipeline: Pipeline, spool: Spool, counters: Counter[str]) -> None:
        self.version = 0
        self._clock = clock
        self._pipeline = pipeline
        self._spool = spool
        self._counters = counters
        self._kept: bytes | None = None
        self._since_boot_ms: int | None = None
        self._since_ms: int | None = None

    async def recall(self) -> None:
        """Go on with what was kept."""
        kept = await self._spool.state(KEPT_AS)
        if kept is None:
            log.info("installation_mode", why="no remote configuration yet: nothing is forwarded")
            return
        try:
            config = msgspec.msgpack.decode(kept, type=GatewayConfig)
        except msgspec.MsgspecError as error:
            log.warning("config_forgotten", error=str(error))
            return
        if self._apply(config):
            self._kept, self.version = kept, config.version
            since = await self._spool.state(SINCE_KEPT_AS)
            self._since_ms = int(since) if since else None

    async def receive(self, config: GatewayConfig) -> None:
        """Apply and keep a configuration; one whose filter makes no sense is counted, and the present one stays.

        A retained one comes with every connection: what is in force already costs no write. It is told of (`version`)
        once it is kept: whoever is stopped then goes on with it.
        """
        encoded = msgspec.msgpack.encode(config)
        if encoded == self._kept or not self._apply(config):
            return
        self._since_boot_ms = self._clock.boot_ms()
        self._since_ms = self._clock.wall_ms() if await asyncio.to_thread(synchronised) else None
        await self._spool.put_state(KEPT_AS, encoded)
        await self._spool.put_state(SINCE_KEPT_AS, b"" if self._since_ms is None else b"%d" % self._since_ms)
        self._kept, self.version = encoded, config.version
        log.info("config_applied", version=config.version)

    def since_ms(self, offset_ms: int | None) -> int | None:
        """Since when the configuration is in force, UTC, given UTC minus boot clock; None where that is unknown."""
        if self._since_boot_ms is not None and offset_ms is not None:
            return self._since_boot_ms + offset_ms
        return self._since_ms

    def _apply(self, config: GatewayConfig) -> bool:
        try:
            self._pipeline.configure(config)
        except FilterError as error:
            self._counters["configs_refused"] += 1
            log.warning("config_refused", version=config.version, error=str(error))
            return False
        self._counters["configs_applied"] += 1
        return True
