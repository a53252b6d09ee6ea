"""What a person sees who follows a link that confirms: what it is about, and one button. No script."""

import html
from collections.abc import Sequence
from typing import Final

from push.api import unsubscribe_page

HEADERS: Final = unsubscribe_page.HEADERS
FIELD: Final = "Confirm"
"""The field that names what is confirmed."""

Said = tuple[str, str]
"""Title and text of a purpose."""


def ask(said: Sequence[Said], named: str) -> bytes:
    """What is confirmed, and the button."""
    return unsubscribe_page.document(
        "Did you mean it?",
        "<p>Somebody, we hope you, said yes to this with this mailbox:</p>\n"
        + _listed(said)
        + f'<form method="post"><input type="hidden" name="{FIELD}" value="{html.escape(named)}">'
        "<button>Yes, I agree</button></form>\n"
        '<p class="quiet">If that was not you, just close this page: without your yes nothing of it holds.</p>',
    )


def done(said: Sequence[Said]) -> bytes:
    """What holds now, and how to end it."""
    return unsubscribe_page.document(
        "Thank you, that is settled",
        '<p role="status">From now on this holds:</p>\n'
        + _listed(said)
        + '<p class="quiet">You can take it back at any time: in the app, or by the link in every mail.</p>',
    )


def used() -> bytes:
    """It was confirmed before."""
    return unsubscribe_page.document(
        "This was confirmed already",
        "<p>Nothing is left to do: a link like this works once.</p>\n"
        '<p class="quiet">In the app you see what you agreed to, and can change it.</p>',
    )


def late() -> bytes:
    """It is too late for this link."""
    return unsubscribe_page.document(
        "This link is too old",
        "<p>Nothing was changed, and nothing holds that you did not confirm. If you still want it, say so once more "
        "where you did, and we send you a new link.</p>",
    )


def nothing() -> bytes:
    """What it was about does not wait any more."""
    return unsubscribe_page.document(
        "There is nothing to confirm any more",
        "<p>What this link was about was answered otherwise since, or taken back. Nothing was changed.</p>\n"
        '<p class="quiet">In the app you see what you agreed to, and can change it.</p>',
    )


def unknown() -> bytes:
    """The link leads nowhere."""
    return unsubscribe_page.document(
        "This link does not work",
        "<p>Nothing was changed. Perhaps a part of the link is missing: open it from the mail once more.</p>",
    )


def later() -> bytes:
    """Nobody knows whether it was done."""
    return unsubscribe_page.later()


def _listed(said: Sequence[Said]) -> str:
    items = (f"<li><strong>{html.escape(title)}</strong><br>{html.escape(text)}</li>\n" for title, text in said)
    return f"<ul>\n{''.join(items)}</ul>\n"
