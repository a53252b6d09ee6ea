"""Screens in stores, wired: who stands before them, what is on them, and what their pages load."""

import asyncio
from functools import partial
from typing import NamedTuple

from aiohttp import web

from push.api import screens
from push.api.contract import Context
from push.channels.screen import OpenScreens, ScreenChannel, ScreenSettings
from push.console.files import screen_files
from push.console.routes import add_screen_routes
from push.ingest.stage import PresenceStage
from push.model.ports import Clock, Database
from push.presence.presence import Presence
from push.profiles import nicknames
from push.profiles.consent import ConsentBook
from push.profiles.keys import Keyring


class Profiles(NamedTuple):
    """Where nicknames are, and what opens them."""

    db: Database
    keyring: Keyring


class Showing(NamedTuple):
    """Who stands where, what is on screens, and the channel that puts it there."""

    stage: PresenceStage
    screens: OpenScreens
    channel: ScreenChannel


def open_showing(
    settings: ScreenSettings, profiles: Profiles, clock: Clock, presence: Presence, consents: ConsentBook
) -> Showing:
    """All three, on one presence."""
    stage = PresenceStage(presence, consents.allows, clock, settings.sure)
    opened = OpenScreens(stage)
    return Showing(stage, opened, ScreenChannel(opened, partial(nicknames.of, profiles.db, profiles.keyring), settings))


async def serve(app: web.Application, context: Context, opened: OpenScreens) -> None:
    """Serve pages and their streams, and end these as the application does."""
    app.router.add_get(screens.PATH, screens.handler(context))
    add_screen_routes(app, await asyncio.to_thread(screen_files))

    async def end(app: web.Application) -> None:
        del app
        opened.close()

    app.on_shutdown.append(end)
