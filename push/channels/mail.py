"""A message as an e-mail: plain text and HTML, and the headers that mail programs and services look for.

Every header is made of printable text on one line, whatever stood in the message: none can be smuggled in.
"""

import hashlib
import html
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate
from string import Template
from typing import Final, NamedTuple

from push.channels.mailbox import Mailbox
from push.model.delivery import Action, Content, Outgoing, Part

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # RFC 5646 section 2.1, as far as it matters
_WEB: Final = re.compile(r"https?://[!#-;=?-\[\]_a-z~%]+", re.IGNORECASE)  # RFC 3986: what a URI is made of
_SENDER_ID: Final = "footfall"
_SUBJECT_CHARS: Final = 200
"""Longer ones are cut by every list of mails; the text has the rest."""
_NEVER: Final[tuple[Part, ...]] = ("data", "urgency", "collapse_key")
"""There is no app, no hurry and no replacing in e-mail."""

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="$language" dir="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; background: #f4f4f5; color: #18181b; font: 17px/1.5 system-ui, sans-serif; }
main { max-width: 36em; margin: 0 auto; padding: 24px; background: #ffffff; }
h1 { font-size: 1.5em; line-height: 1.25; margin: 0 0 16px; }
img { display: block; max-width: 100%; height: auto; border: 0; margin: 0 0 16px; }
a.button { display: inline-block; margin: 8px 8px 8px 0; padding: 12px 20px; border-radius: 8px;
  background: #1d4ed8; color: #ffffff; text-decoration: none; font-weight: 600; }
footer { margin-top: 32px; font-size: 0.8em; color: #52525b; }
footer a { color: inherit; }
@media (prefers-color-scheme: dark) {
  body { background: #09090b; color: #fafafa; }
  main { background: #18181b; }
  a.button { background: #93c5fd; color: #09090b; }
  footer { color: #a1a1aa; }
}
</style>
</head>
<body>
<main>
<h1>$title</h1>
$image<p>$body</p>
$buttons$footer</main>
</body>
</html>
""")


class Sender(NamedTuple):
    """Who a mail comes from."""

    mailbox: Mailbox
    name: str = ""
    reply_to: Mailbox | None = None


class _Links(NamedTuple):
    """The addresses of a message that lead anywhere from a mail."""

    url: str | None
    image: str | None
    actions: tuple[Action, ...]
    unsubscribe: str | None


def compose(outgoing: Outgoing, sender: Sender, to: Mailbox) -> bytes:
    """The mail, with CRLF line ends; the same each time for the same delivery."""
    content, links = outgoing.message.content, _links(outgoing)
    mail = EmailMessage(policy=(SMTPUTF8 if to.needs_smtputf8 else SMTP).clone(cte_type="7bit"))
    mail["From"] = Address(one_line(sender.name), sender.mailbox.local, sender.mailbox.domain)
    mail["To"] = Address("", to.local, to.domain)
    if sender.reply_to is not None:
        mail["Reply-To"] = Address("", sender.reply_to.local, sender.reply_to.domain)
    mail.set_content(_text(content, links))
    mail.add_alternative(_html(content, links), subtype="html")  # takes headers on content with it: they come after
    for name, value in _headers(outgoing, sender, links.unsubscribe).items():
        mail[name] = value
    mail.set_boundary(
        f"part-{hashlib.blake2b(outgoing.delivery.encode('utf-8', 'replace'), digest_size=18).hexdigest()}"
    )
    return mail.as_bytes()


def dropped(content: Content) -> tuple[Part, ...]:
    """What of a message a mail cannot carry: addresses that lead somewhere within an app only, and what is no text."""
    links: dict[Part, bool] = {
        "url": content.url is not None and _web(content.url) is None,
        "image": content.image is not None and _web(content.image) is None,
        "actions": any(_web(action.url) is None for action in content.actions),
    }
    never = tuple(part for part in _NEVER if part != "data" or content.data)
    return tuple(part for part, lost in links.items() if lost) + never


def message_id(delivery: str, domain: str) -> str:
    """The same for every attempt of a delivery, so that a repeat is known as one."""
    known = _ID.fullmatch(delivery)
    name = delivery if known else hashlib.blake2b(delivery.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"<{name}@{domain}>"


def one_line(text: str) -> str:
    """Text without what is not printed: whatever ends a line or steers a terminal becomes a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _headers(outgoing: Outgoing, sender: Sender, unsubscribe: str | None) -> dict[str, str]:
    message = outgoing.message
    found = {
        "Subject": one_line(message.content.title)[:_SUBJECT_CHARS],
        "Date": formatdate(message.created_ms // 1000),
        "Expires": formatdate(message.expires_ms // 1000),  # RFC 4021 section 2.1.50
        "Message-ID": message_id(outgoing.delivery, sender.mailbox.domain),
        "Auto-Submitted": "auto-generated",  # RFC 3834 section 5
        # Read by Gmail's postmaster tools: up to three ids, then who sends.
        "Feedback-ID": ":".join([*map(_label, (message.campaign, outgoing.app, message.basis)), _SENDER_ID]),
    }
    language = _language(message.content)
    if language:
        found["Content-Language"] = language
    if unsubscribe is not None:
        found["List-Unsubscribe"] = f"<{unsubscribe}>"  # RFC 2369 section 3.2
    if unsubscribe is not None and unsubscribe.startswith("https:"):
        found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058 section 3.1: https only
    return found


def _links(outgoing: Outgoing) -> _Links:
    content = outgoing.message.content
    actions = tuple(action for action in content.actions if _web(action.url))
    return _Links(_web(content.url), _web(content.image), actions, _web(outgoing.unsubscribe_url))


def _web(url: str | None) -> str | None:
    """An address that can be followed from a mail, None where it is no such."""
    return url if url is not None and _WEB.fullmatch(url) else None


def _text(content: Content, links: _Links) -> str:
    """The plain part: what a screen reader or a terminal shows."""
    parts = [one_line(content.title), _lines(content.body)]
    parts += [links.url] if links.url else []
    parts += [f"{one_line(action.title)}: {action.url}" for action in links.actions]
    parts += [f"-- \nUnsubscribe: {links.unsubscribe}"] if links.unsubscribe else []
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(content: Content, links: _Links) -> str:
    title = html.escape(one_line(content.title))
    picture = f'<img src="{html.escape(links.image)}" alt="{title}">' if links.image else ""
    if picture and links.url:
        picture = f'<a href="{html.escape(links.url)}">{picture}</a>'
    buttons = [_button(action.title, action.url) for action in links.actions]
    if links.url and not buttons:
        buttons = [_button(content.title, links.url)]
    footer = (
        f'<footer><a href="{html.escape(links.unsubscribe)}">Unsubscribe</a></footer>\n' if links.unsubscribe else ""
    )
    return _PAGE.substitute(
        language=_language(content),
        title=title,
        image=picture + "\n" if picture else "",
        body=html.escape(_lines(content.body)).replace("\n", "<br>\n"),
        buttons="".join(buttons),
        footer=footer,
    )


def _button(title: str, url: str) -> str:
    return f'<a class="button" href="{html.escape(url)}">{html.escape(one_line(title))}</a>\n'


def _lines(text: str) -> str:
    """Text of several lines, each of them printable."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip()


def _language(content: Content) -> str:
    return content.locale if content.locale is not None and _LANGUAGE.fullmatch(content.locale) else ""


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:64] or "none"
