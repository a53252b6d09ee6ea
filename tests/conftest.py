"""What holds for every test: our code never blocks the event loop, and slow machines are no failure."""

import logging
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext

import coverage
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.support.brokers", "tests.support.postgres")

SECOND_ENGINE = "postgresql"
"""What runs on it runs on SQLite as well; to trace the same lines twice costs minutes and tells nothing."""
FIRST_WORKER = "gw0"
OURS = ("beacons", "gateway", "push", "firmware_sim")

MAY_BLOCK = {
    # asyncpg looks for ~/.pgpass and the client certificates of ~/.postgresql when it opens a connection.
    "asyncpg/connect_utils.py": ("_parse_connect_dsn_and_args",),
    # A traceback that is logged reads the source lines that it shows.
    "linecache.py": ("checkcache", "updatecache"),
    "structlog/dev.py": ("__call__",),
    # Coverage notes a file that it sees for the first time under a lock; another thread may hold it for that moment.
    "coverage/collector.py": ("lock_data",),
    # A daemon looks up its own version, once, as it starts.
    "importlib/metadata/__init__.py": ("version",),
}

# A script that runs tests in the background (`&`, nohup) has Ctrl-C ignored, by them and by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _in_one_line(record: logging.LogRecord) -> bool:
    """What a forgotten future says of itself while garbage is collected.

    Formatting its traceback parses source; in CPython 3.11 that breaks whoever was parsing just then
    (github.com/python/cpython/issues/106905), and that may be pytest.
    """
    if record.exc_info and "never retrieved" in record.getMessage():
        record.exc_info = None
    return True


logging.getLogger("asyncio").addFilter(_in_one_line)

settings.register_profile(
    "footfall", deadline=None, max_examples=50, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("footfall")


@pytest.fixture(autouse=True, scope="session")
def blockbuster() -> Iterator[BlockBuster]:
    """Raise where a blocking call is made under our code while an event loop runs in this thread."""
    with blockbuster_ctx(list(OURS)) as guard:
        for function in guard.functions.values():
            for filename, names in MAY_BLOCK.items():
                function.can_block_in(filename, names)
        yield guard


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Every worker imports everything; what that runs of our modules, the first one tells coverage for all of them."""
    worker = getattr(session.config, "workerinput", {}).get("workerid", FIRST_WORKER)
    with _unmeasured() if worker != FIRST_WORKER else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage stands still during tests that would tell it nothing new."""
    with _unmeasured() if SECOND_ENGINE in item.name.partition("[")[2] else nullcontext():
        return (yield)


@contextmanager
def _unmeasured() -> Iterator[None]:
    """Nothing is traced, where coverage is measured at all."""
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.stop()
    try:
        yield
    finally:
        if measured is not None:
            measured.start()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What passing tests measured (`record_property`), for people: no test depends on it."""
    measured = [report for report in terminalreporter.getreports("passed") if report.user_properties]
    if measured:
        terminalreporter.section("measured")
    for report in measured:
        terminalreporter.line(f"{report.nodeid}: " + ", ".join(f"{k} {v}" for k, v in report.user_properties))
