"""What a person sees who follows an unsubscribe link: one question with one button, and what was done. No script."""

import base64
import hashlib
import html
from importlib.resources import files
from string import Template
from typing import Final, NamedTuple

from push.model.people import Purpose
from push.profiles.purposes.texts import PURPOSE_TEXTS

_HERE: Final = files(__package__)
_PAGE: Final = Template(_HERE.joinpath("unsubscribe.html").read_text(encoding="utf-8"))
_STYLE: Final = _HERE.joinpath("unsubscribe.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address opens what it says
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

ASKS: Final = ("List-Unsubscribe", "One-Click")
"""The one field that a request carries which means it (RFC 8058 section 3.1)."""


class Words(NamedTuple):
    """How a channel is spoken of: what comes over it, and one piece of that."""

    all: str
    one: str


_NOTIFICATIONS: Final = Words("notifications", "notification")
_WORDS: Final[dict[Purpose, Words]] = {
    "inapp": Words("offers in the app", "offer"),
    "webpush": _NOTIFICATIONS,
    "fcm": _NOTIFICATIONS,
    "apns": _NOTIFICATIONS,
    "email": Words("e-mail", "mail"),
    "webhook": Words("text messages", "message"),
    "screen": Words("greetings on screens", "greeting"),
}


def ask(channel: Purpose) -> bytes:
    """The question, with one button that says yes."""
    words = _WORDS[channel]
    name, value = ASKS
    return document(
        f"Stop {words.all}?",
        f"<p>We send you {words.all} because you allowed it. One tap ends that at once: no login, no questions.</p>\n"
        f'<form method="post"><input type="hidden" name="{name}" value="{value}">'
        f"<button>Stop {words.all}</button></form>\n"
        '<p class="quiet">Whatever else you allowed stays as it is. If you did not mean to come here, just close this '
        "page: nothing has changed.</p>",
    )


def done(channel: Purpose) -> bytes:
    """What was done, and how to come back."""
    words, title = _WORDS[channel], html.escape(PURPOSE_TEXTS[channel][0])
    return document(
        f"No more {words.all}",
        f'<p role="status">Done. You get no more {words.all} from us, and what was still waiting was taken back. '
        f"A {words.one} that was already on its way may yet arrive.</p>\n"
        f'<p class="quiet">Changed your mind? Allow “{title}” again in the app, or ask in the store.</p>',
    )


def unknown() -> bytes:
    """The link leads nowhere."""
    return document(
        "This link does not work",
        "<p>Nothing was changed. Perhaps a part of the link is missing: open it from the message once more.</p>\n"
        '<p class="quiet">In the app you can stop everything at any time.</p>',
    )


def later() -> bytes:
    """Nobody knows whether it was done."""
    return document(
        "Please try again in a moment",
        "<p>We could not write this down just now, and we are sorry. Please load this page again in a minute.</p>",
    )


def document(title: str, text: str) -> bytes:
    """A page: its title in clear, its text as HTML."""
    return _PAGE.substitute(title=html.escape(title), style=_STYLE, text=text).encode()
