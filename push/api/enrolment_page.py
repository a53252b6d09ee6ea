"""What somebody sees who opens a gateway's code in a browser: what to type on the box. It uses nothing up."""

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from aiohttp import web

from beacons.topics import is_id
from push.api.contract import Context
from push.enrolment.codes import code_hash
from push.enrolment.site import named

PATH: Final = "/enrol/{code}"
_HERE: Final = files(__package__)
_PAGE: Final = Template(_HERE.joinpath("unsubscribe.html").read_text(encoding="utf-8"))
_STYLE: Final = (
    _HERE.joinpath("unsubscribe.css").read_text(encoding="utf-8")
    + "pre { white-space: pre-wrap; overflow-wrap: anywhere; }\n"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address is the code
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def add_routes(app: web.Application, context: Context) -> None:
    """Serve the page: the same for every text that could be a code, so that it tells nobody which ones are."""

    async def show(request: web.Request) -> web.Response:
        code = request.match_info["code"]
        if code_hash(code, "enrol") is None:
            return _html(404, "This is no code", _NO_CODE)
        url = context.site.enrol_url(code.upper(), named(request.host))
        return _html(200, "Enrol this gateway", _HOW.substitute(url=escape(url), code=escape(code.upper())))

    async def show_beacon(request: web.Request) -> web.Response:
        # What a label's QR code says stays short, and good wherever the console is.
        found = request.match_info["beacon"]
        if not is_id(found):
            return _html(404, "No beacon", _NO_BEACON)
        raise web.HTTPFound(f"/console/beacons/{found}")

    app.router.add_get(PATH, show)
    app.router.add_get("/b/{beacon}", show_beacon)


_HOW: Final = Template("""<p>On the gateway itself, with Footfall installed, type:</p>
<pre><code>sudo footfall-gateway enrol '${url}'</code></pre>
<p>The code is <strong>${code}</strong>. It is good once, and for a limited time: nothing was used up by opening this
page.</p>
<p class="quiet">Keep it to yourself until then: whoever has it becomes this gateway.</p>""")
_NO_BEACON: Final = "<p>A part of the address is missing. Scan the label again.</p>"
_NO_CODE: Final = "<p>A part of the address is missing. Scan it again, or ask for a new code.</p>"


def _html(status: int, title: str, text: str) -> web.Response:
    body = _PAGE.substitute(title=escape(title), style=_STYLE, text=text).encode()
    return web.Response(status=status, body=body, content_type="text/html", charset="utf-8", headers=HEADERS)
