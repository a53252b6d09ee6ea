"""What a mail is made of, whatever stands in the message."""

import re
from email import message_from_bytes
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st

from push.channels import mail, mailbox
from push.model.delivery import Action, Content, Message
from tests.support.mails import NOW_MS, outgoing

HOSTILE = st.text(alphabet=st.characters() | st.sampled_from("\r\n\x00\x85\u2028:<>@,;\"'=?& \t."), max_size=120)
EXPECTED = {
    "subject", "date", "expires", "message-id", "auto-submitted", "feedback-id", "content-language",
    "list-unsubscribe", "list-unsubscribe-post", "from", "to", "reply-to", "mime-version", "content-type",
}  # fmt: skip


FIELDS = ("title", "body", "url", "image", "locale", "action", "link", "id", "campaign", "app", "from", "bye")


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, HOSTILE)))
def test_nothing_in_a_message_makes_a_header_or_markup(texts: dict[str, str]) -> None:
    message = Message(
        id=texts["id"],
        shopper="ada",
        campaign=texts["campaign"],
        content=Content(
            title=texts["title"],
            body=texts["body"],
            url=texts["url"],
            image="https://shop.example/" + texts["image"],
            actions=(Action(title=texts["action"], url="https://shop.example/" + texts["link"]),),
            locale=texts["locale"],
        ),
        created_ms=NOW_MS,
        expires_ms=NOW_MS,
        collapse_key="c",
    )
    sender = mail.Sender(mailbox.parse("offers@shop.example"), texts["from"], mailbox.parse("help@shop.example"))
    leaving = outgoing(
        message=message, delivery=texts["id"], app=texts["app"], unsubscribe_url="https://" + texts["bye"]
    )

    raw = mail.compose(leaving, sender, mailbox.parse("ada@shop.example"))

    assert raw.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5321 section 4.5.3.1.6
    head = raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert set(names) <= EXPECTED
    assert len(names) == len(set(names))
    parsed = message_from_bytes(raw, policy=default)
    assert [address.addr_spec for address in parsed["From"].addresses] == ["offers@shop.example"]
    assert [address.addr_spec for address in parsed["To"].addresses] == ["ada@shop.example"]
    assert parsed["Subject"].split() == mail.one_line(texts["title"])[:200].split()
    plain, rich = parsed.iter_parts()
    assert plain.get_content_type() == "text/plain"
    tags = set(re.findall(r"<(\w+)", rich.get_content().partition("<body>")[2]))
    assert tags <= {"main", "h1", "img", "p", "br", "a", "footer"}
