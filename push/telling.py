"""Those who are told of what happens to messages: hooks, and streams of events."""

from contextlib import AsyncExitStack
from typing import NamedTuple

from aiohttp import web

from push.channels import hook
from push.deliver.hook_runner import Hooks
from push.deliver.hook_turns import HookMeans
from push.deliver.hooks import HookSettings
from push.deliver.tail import Tail
from push.model.ports import Clock, Database
from push.model.vault import Vault
from push.profiles import outgoing
from push.starting import StartError


class Telling(NamedTuple):
    """What posts to hooks, and what streams follow."""

    hooks: Hooks
    tail: Tail


async def open_telling(  # noqa: PLR0913, PLR0917 - what hooks work with
    stack: AsyncExitStack, settings: HookSettings, db: Database, vault: Vault, clock: Clock, people: outgoing.Means
) -> Telling:
    """Both, with their connections for as long as `stack` lasts. Raises `StartError`."""
    try:
        poster = await stack.enter_async_context(hook.connect(settings))
    except OSError as error:
        raise StartError(
            f"push.hooks.ca_file: {settings.ca_file!r} is no file of certificates as PEM ({error})"
        ) from None
    return Telling(Hooks(HookMeans(settings, db, vault, clock, poster, people)), Tail(db, clock))


def end_with(app: web.Application, tail: Tail) -> None:
    """Let streams of events end as the application does."""

    async def end(app: web.Application) -> None:
        del app
        tail.close()

    app.on_shutdown.append(end)
