"""Run as a process by `push.campaigns.sandbox`: renders one template after the other, within limits of its own.

``python -m push.campaigns.sandboxed MEMORY_MB``. Frames on standard input and output: four bytes of length (big
endian), then JSON. It writes an empty frame when it is ready, answers each `Job` with a `Done`, and ends with its
input.
"""

import resource
import struct
import sys
from typing import Any, BinaryIO, Final

import msgspec

from push.campaigns.render import LOOPS, TemplateError, render
from push.model.campaigns import Template
from push.model.delivery import Content

HEADER: Final = struct.Struct(">I")
CPU_S: Final = 5
"""Of one job: an end for whoever outlives the server that would have killed it."""
_MEBI: Final = 2**20


class Job(msgspec.Struct, frozen=True):
    """What is to be rendered, with which facts."""

    template: Template
    facts: dict[str, Any]


class Done(msgspec.Struct, frozen=True):
    """What came of it: the content, or what was wrong."""

    content: Content | None
    problem: str = ""


def main(memory_mb: int) -> None:
    """Render what comes until nothing does."""
    _limit(resource.RLIMIT_AS, memory_mb * _MEBI)
    for each in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        _limit(each, 0)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _write(sink, b"")
    while header := source.read(HEADER.size):
        used_s = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _limit(resource.RLIMIT_CPU, int(used_s) + CPU_S)
        job = msgspec.json.decode(source.read(HEADER.unpack(header)[0]), type=Job)
        _write(sink, msgspec.json.encode(_done(job)))


def _done(job: Job) -> Done:
    try:
        return Done(render(job.template, job.facts, LOOPS))
    except TemplateError as error:
        return Done(None, str(error))
    except MemoryError:
        return Done(None, "it takes too much memory")


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process; the hard one of time stays, so that each job has its own."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most, hard if what == resource.RLIMIT_CPU else most))


def _write(sink: BinaryIO, frame: bytes) -> None:
    sink.write(HEADER.pack(len(frame)) + frame)
    sink.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
