"""What Segment's browser client asks its content network for before it begins: here, that there is one destination.

`@segment/analytics-next` reads ``{cdnURL}/v1/projects/{writeKey}/settings``; of what it finds it uses the integrations,
each with its settings.
"""

from typing import Any, Final

from aiohttp import web

from push.access import tokens
from push.api.contract import Context, ProblemError

PATH: Final = "/v1/projects/{writeKey}/settings"
_MOST_CHARS: Final = 200


def add_routes(app: web.Application, context: Context) -> None:
    """Serve it, to pages of any origin: the key in the path is theirs, and nothing else is told."""

    async def project(request: web.Request) -> web.Response:
        key = request.match_info["writeKey"]
        principal = await tokens.principal(context.access, key) if len(key) <= _MOST_CHARS and key.isascii() else None
        if principal is None or principal.scope != "app":
            raise ProblemError(404, "Unknown key", "An app's token was expected: what ships in a page is no other.")
        return web.json_response(_settings(key, context.access.origin or f"{request.scheme}://{request.host}"))

    app.router.add_get(PATH, project)


def _settings(key: str, reached_at: str) -> dict[str, Any]:
    """To send everything here, and nothing anywhere else."""
    protocol, _, host = reached_at.partition("://")
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": False,
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }
