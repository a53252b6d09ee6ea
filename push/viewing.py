"""The console, wired: what its pages work with, and where they are served."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache

from aiohttp import web

from push.api import rights, sse
from push.api.contract import ProblemError
from push.collecting import Following
from push.console.addresses import add_console
from push.console.assets import read_assets
from push.console.context import ConsoleContext, Send
from push.console.figures import Figures
from push.console.live.floors import Floors, Kept
from push.console.persons.means import Means
from push.console.render import Pages
from push.deliver import intake
from push.deliver.asked import Asked, MessageIn, Verdict
from push.floors.asking import AT_ONCE
from push.model.ids import fresh
from push.parts import Parts, context_of
from push.registry.clocks import Zones


async def serve(app: web.Application, parts: Parts) -> None:
    """Serve the console."""
    add_console(app, _context(parts, await asyncio.to_thread(_pages)))


@cache
def _pages() -> Pages:
    return Pages(read_assets())


def _context(parts: Parts, pages: Pages) -> ConsoleContext:
    engine = parts.engine

    async def stream(request: web.Request, work: Callable[[sse.Write], Awaitable[None]]) -> web.StreamResponse:
        return await sse.serve(request, sse.PATIENCE, work)

    return ConsoleContext(
        db=parts.db,
        clock=parts.clock,
        desk=parts.access,
        pages=pages,
        zones=Zones(),
        figures=Figures(parts.db, parts.clock),
        floors=Floors(Kept(parts.db, parts.keyring), parts.clock, engine.presence, lambda: engine.directory),
        crowd=engine.presence,
        directory=lambda: engine.directory,
        heard_by=engine.heard_by,
        standing=engine.standing,
        learned=engine.learned,
        reload=parts.registrar.reload,
        stream=stream,
        is_ending=lambda: parts.telling.tail.closed,
        end_screen=parts.showing.screens.end,
        site=parts.site,
        people=_people(parts),
        rules=parts.settings.presence,
        deciding=parts.deciding,
        send=_sending(parts),
        stops=parts.stops,
        figuring=asyncio.Semaphore(AT_ONCE),
        origin=parts.settings.http.public_url,
        body_timeout_s=parts.settings.http.body_timeout_s,
    )


def _sending(parts: Parts) -> Send:
    context = context_of(parts)

    async def send(message: MessageIn, actor: str) -> Verdict:
        asked = Asked(id=fresh("msg"), message=message)
        means = intake.Means(context.seals, context.fit, actor)
        async with context.db.transaction(patient=True) as tx:
            taken = await intake.take(tx, [asked], means, context.clock.now_ms())
        [verdict] = taken.verdicts
        if verdict.delivery is not None:
            context.backlog.add(1)
            context.wake_senders()
        return verdict

    return send


def _people(parts: Parts) -> Means:
    context = context_of(parts)

    async def erase(shopper: str, actor: str) -> bool:
        try:
            await rights.erase_person(context, shopper, actor)
        except ProblemError:
            return False
        return True

    following = Following(parts.consents, parts.engine, parts.showing.screens, parts.campaigner.ear)
    return Means(parts.collecting.desk, following, erase, parts.segmenting.means)
