"""Remote configuration: applied at once, and kept, so that a restart without a broker goes on with it."""

from collections import Counter
from typing import Final

import msgspec
import structlog

from beacons.wire import GatewayConfig
from gateway.filter import FilterError
from gateway.pipeline import Pipeline
from gateway.spool import Spool

KEPT_AS: Final = "config"

log = structlog.get_logger()


class RemoteConfig:
    """What the server last told this gateway. `version` is 0 until it has told anything: installation mode."""

    def __init__(self, pipeline: Pipeline, spool: Spool, counters: Counter[str]) -> None:
        self.version = 0
        self._pipeline = pipeline
        self._spool = spool
        self._counters = counters

    async def recall(self) -> None:
        """Go on with what was kept."""
        kept = await self._spool.state(KEPT_AS)
        if kept is None:
            log.info("installation_mode", why="no remote configuration yet: nothing is forwarded")
            return
        try:
            self._apply(msgspec.msgpack.decode(kept, type=GatewayConfig))
        except msgspec.MsgspecError as error:
            log.warning("config_forgotten", error=str(error))

    async def receive(self, config: GatewayConfig) -> None:
        """Apply and keep a configuration; one whose filter makes no sense is counted, and the present one stays."""
        if self._apply(config):
            await self._spool.put_state(KEPT_AS, msgspec.msgpack.encode(config))
            log.info("config_applied", version=config.version)

    def _apply(self, config: GatewayConfig) -> bool:
        try:
            self._pipeline.configure(config)
        except FilterError as error:
            self._counters["configs_refused"] += 1
            log.warning("config_refused", version=config.version, error=str(error))
            return False
        self._counters["configs_applied"] += 1
        self.version = config.version
        return True
