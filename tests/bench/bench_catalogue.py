"""The catalogue in memory: what a million products take, and what a look costs.

python tests/bench/bench_catalogue.py [products]
"""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator
from typing import Final

from push.model.ports import Row
from push.profiles.catalogue.view import Catalogue
from tests.bench.table import Line, show

COUNT: Final = 1_000_000
BUDGET_MB: Final = 200
LOOKS: Final = 20_000


class Rows:
    """Rows as the database would hand them over, made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        """Products after a number."""
        assert name == "catalogue.since"
        first, most = int(str(params["seq"])), int(str(params["most"]))
        return list(self._made(first + 1, min(first + most, self._count)))

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        """Nothing is asked for by one."""
        raise AssertionError(name, params)

    def _made(self, first: int, last: int) -> Iterator[Row]:
        for n in range(first, last + 1):
            yield {
                "seq": n,
                "id": f"product-{n}",
                "sku": f"SKU {n:09}",
                "category": f'["Department {n % 20}", "Aisle {n % 500}"]',
                "brand": f"Brand {n % 3000}",
                "sensitive": n % 97 == 0,
            }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(count: int) -> list[Line]:
    """Load them all, then look for some one by one."""
    before_mb, catalogue = _peak_mb(), Catalogue()
    began = time.perf_counter()
    await catalogue.refresh(Rows(count))
    took_s, grew_mb = time.perf_counter() - began, _peak_mb() - before_mb
    asked = [f"product-{1 + (n * 7919) % count}" for n in range(LOOKS)]
    began = time.perf_counter()
    found = sum(len(catalogue.look((name,))) for name in asked)
    look_us = (time.perf_counter() - began) / found * 1e6
    return [
        Line("memory at its most while they are loaded", grew_mb, "MB", BUDGET_MB),
        Line("  loading them, without the database", took_s, "s"),
        Line("  one look", look_us, "µs"),
    ]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    show(f"The catalogue in memory, {count:,} products with a SKU each", asyncio.run(measure(count)))


if __name__ == "__main__":
    main()
