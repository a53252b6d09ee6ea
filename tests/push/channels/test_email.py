"""E-mail against a mail server (aiosmtpd), over real SMTP and TLS: what arrives, and with whose credential."""

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import trustme

from push.channels import email
from push.channels.email import Email, EmailCredential, EmailSettings
from push.model.delivery import Action
from push.model.errors import (
    CredentialError,
    PermanentError,
    TooLargeError,
    TransientError,
    UnreachableError,
)
from tests.support.brokers import until
from tests.support.mails import NOW_MS, UNSUBSCRIBE, content, credential, outgoing
from tests.support.smtp_service import HOST, PASSWORD, Fault, SmtpService, serving


@pytest.mark.parametrize("smtp", ["tls", "starttls", "none"], indirect=True)
async def test_a_mail_arrives_as_text_and_html_whatever_the_encryption(smtp: SmtpService, mailer: Email) -> None:
    accepted = await mailer.send(outgoing())

    [received] = smtp.mails
    assert (received.sender, received.recipient) == ("offers@shop.example", "ada@shop.example")
    assert received.mail.get_content_type() == "multipart/alternative"
    plain, rich = received.mail.iter_parts()
    assert plain.get_content().splitlines() == [
        "Welcome ☕",
        "",
        "Your coffee is on us.",
        "Today only.",
        "",
        "https://shop.example/offer/1",
        "",
        "Take it: https://shop.example/offer/1?take=1&now=2",
        "",
        "-- ",
        f"Unsubscribe: {UNSUBSCRIBE}",
    ]
    page = rich.get_content().replace("\r\n", "\n")
    assert '<html lang="de-DE"' in page
    assert "Your coffee is on us.<br>\nToday only." in page
    assert '<img src="https://shop.example/img/1.png" alt="Welcome ☕">' in page
    assert '<a class="button" href="https://shop.example/offer/1?take=1&amp;now=2">Take it</a>' in page
    assert "prefers-color-scheme: dark" in page
    assert accepted.status == 250
    assert accepted.reference == "2.0.0 Ok: queued as 4F2A"
    assert accepted.dropped == ("urgency", "collapse_key")


async def test_the_headers_say_what_mail_programs_look_for(smtp: SmtpService, mailer: Email) -> None:
    await mailer.send(outgoing())

    [received] = smtp.mails
    assert {name: str(value) for name, value in received.mail.items() if not name.startswith("Content-Ty")} == {
        "Subject": "Welcome ☕",
        "Date": "Fri, 15 Jan 2027 08:00:00 -0000",
        "Expires": "Fri, 15 Jan 2027 08:10:00 -0000",
        "Message-ID": "<dlv_1@shop.example>",
        "Auto-Submitted": "auto-generated",
        "Feedback-ID": "welcome:default:marketing:footfall",
        "Content-Language": "de-DE",
        "List-Unsubscribe": f"<{UNSUBSCRIBE}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "From": "The Shop <offers@shop.example>",
        "To": "ada@shop.example",
        "Reply-To": "help@shop.example",
        "MIME-Version": "1.0",
    }


async def test_what_is_owed_has_no_unsubscribe_link(smtp: SmtpService, mailer: Email) -> None:
    await mailer.send(outgoing(unsubscribe_url=None))

    [received] = smtp.mails
    assert not [name for name in received.mail if name.startswith("List-")]
    assert b"nsubscribe" not in received.raw


async def test_a_repeat_is_the_same_mail(smtp: SmtpService, mailer: Email) -> None:
    await mailer.send(outgoing())
    await mailer.send(outgoing(now_ms=NOW_MS + 5000))

    first, again = smtp.mails
    assert first.raw == again.raw


async def test_lines_that_begin_with_a_dot_arrive_as_they_are(smtp: SmtpService, mailer: Email) -> None:
    await mailer.send(outgoing(said=content(title=".", body=".\n..\n.x", actions=(), url=None)))

    [received] = smtp.mails
    assert next(received.mail.iter_parts()).get_content().splitlines()[:5] == [".", "", ".", "..", ".x"]


async def test_what_leads_nowhere_from_a_mail_is_dropped_and_said(smtp: SmtpService, mailer: Email) -> None:
    within = content(
        url="/app/offer/1",
        image="javascript:alert(1)",
        actions=(Action(title="Good", url="https://shop.example/1"), Action(title="Bad", url="app://x")),
        data={"sku": "1"},
    )
    accepted = await mailer.send(outgoing(said=within))

    [received] = smtp.mails
    assert accepted.dropped == mailer.fit(outgoing(said=within))
    assert accepted.dropped == ("url", "image", "actions", "data", "urgency", "collapse_key")
    assert b"app://" not in received.raw
    assert b"javascript" not in received.raw
    assert b"https://shop.example/1" in received.raw


async def test_an_address_beyond_ascii_goes_to_servers_that_take_it(smtp: SmtpService, mailer: Email) -> None:
    await mailer.send(outgoing("ада@пример.example"))

    [received] = smtp.mails
    assert received.recipient == "ада@xn--e1afmkfd.example"
    assert "SMTPUTF8" in received.options
    assert received.mail["To"].addresses[0].addr_spec == "ада@xn--e1afmkfd.example"


async def test_and_to_no_others(mail_settings: EmailSettings, smtp: SmtpService) -> None:
    async with serving(SmtpService("none", smtputf8=False)) as plain, email.connect(mail_settings) as mailer:
        mailer.use({"default": credential(plain)})
        with pytest.raises(UnreachableError, match="address_needs_smtputf8"):
            await mailer.send(outgoing("ада@shop.example"))
        await mailer.send(outgoing())
        assert (len(plain.mails), plain.connections) == (1, 1)
    assert smtp.mails == []


async def test_a_mail_larger_than_the_server_takes_is_not_sent(mail_settings: EmailSettings) -> None:
    async with serving(SmtpService("none", size_limit=500)) as small, email.connect(mail_settings) as mailer:
        mailer.use({"default": credential(small)})
        with pytest.raises(TooLargeError) as caught:
            await mailer.send(outgoing())
    assert (caught.value.most_bytes, small.mails) == (500, [])


@pytest.mark.parametrize("smtp", ["tls", "starttls", "none"], indirect=True)
async def test_a_check_logs_in_and_sends_nothing(smtp: SmtpService, mailer: Email) -> None:
    checked = await mailer.check("default", credential(smtp))

    assert checked.summary == f"offers@shop.example at {HOST}:{smtp.port} ({smtp.security})"
    assert bool(checked.warnings) == (smtp.security == "none")
    assert smtp.said(1)[-3:] == ["AUTH", "NOOP", "QUIT"]
    assert smtp.mails == []
    await until(lambda: smtp.open == 0)


async def test_a_wrong_password_is_a_matter_of_the_credential_and_told_to_nobody(
    smtp: SmtpService, mailer: Email
) -> None:
    wrong = credential(smtp, password="hunter2-hunter2")  # noqa: S106 - wrong, moreover
    with pytest.raises(CredentialError, match="login_refused") as caught:
        await mailer.check("default", wrong)
    assert caught.value.status == 535
    assert "hunter2" not in f"{caught.value!r} {msgspec.convert(wrong, EmailCredential)!r}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"port": 0}, r"port"),
        ({"port": "465"}, r"port"),
        ({"security": "ssl"}, r"security"),
        ({"host": "mail.example\r\nX"}, r"host"),
        ({"host": ""}, r"host"),
        ({"sender": "The Shop"}, r"sender: expected one e-mail address"),
        ({"sender": "ада@shop.example"}, r"sender: expected a local part in ASCII"),
        ({"sender_name": "a\r\nBcc: eve@evil.example"}, r"sender_name"),
        ({"reply_to": "x"}, r"reply_to"),
        ({"passwort": "x"}, r"unknown field `passwort`"),
    ],
)
async def test_a_malformed_credential_says_which_field(
    smtp: SmtpService, mailer: Email, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        await mailer.check("default", credential(smtp, **changes))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["a" * 200 + " ", "mail-relay.production.example." * 6 + "our_shop.example", "a" * 254]
)
def test_a_host_with_a_slip_is_refused_at_once(host: str) -> None:
    """In a process that can be killed: a pattern that tries every way to part the name would hold up the server."""
    tried = f"import msgspec; from push.channels.email import Host; msgspec.convert({host!r}, Host)"
    ended = subprocess.run([sys.executable, "-c", tried], capture_output=True, timeout=30, check=False)  # noqa: S603 - ours
    assert b"ValidationError" in ended.stderr


async def test_without_encryption_only_where_settings_allow_it(smtp: SmtpService, mail_settings: EmailSettings) -> None:
    async with email.connect(msgspec.structs.replace(mail_settings, plaintext_hosts=())) as mailer:
        with pytest.raises(PermanentError, match="plaintext_hosts"):
            await mailer.check("default", credential(smtp, security="none"))
    assert smtp.connections == 0


async def test_a_server_inside_our_own_network_is_never_connected_to(
    smtp: SmtpService, mail_settings: EmailSettings
) -> None:
    async with email.connect(msgspec.structs.replace(mail_settings, allow_private_hosts=False)) as mailer:
        for host in (HOST, "localhost"):
            with pytest.raises(CredentialError, match="address_not_public"):
                await mailer.check("default", credential(smtp, host=host))
    assert smtp.connections == 0


async def test_a_server_that_is_not_who_it_should_be_is_not_trusted(
    smtp: SmtpService, mail_settings: EmailSettings, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    async with email.connect(msgspec.structs.replace(mail_settings, ca_file=str(tmp_path / "other.pem"))) as mailer:
        with pytest.raises(TransientError, match="service_not_trusted"):
            await mailer.check("default", credential(smtp))
    assert smtp.commands == []


async def test_a_server_that_speaks_no_tls_gets_neither_mail_nor_password(mail_settings: EmailSettings) -> None:
    async with serving(SmtpService("none")) as plain, email.connect(mail_settings) as mailer:
        for security in ("tls", "starttls"):
            with pytest.raises(TransientError, match="tls_failed"):
                await mailer.check("default", credential(plain, security=security))
    assert [command for _, command in plain.commands] == ["EHLO"]


async def test_a_server_that_is_down_was_never_reached(smtp: SmtpService, mailer: Email) -> None:
    async with serving(SmtpService()) as down:
        pass
    with pytest.raises(TransientError, match="service_unreachable"):
        await mailer.check("default", credential(smtp, port=down.port))


async def test_each_app_has_its_own_account_and_an_unknown_one_none(smtp: SmtpService, mailer: Email) -> None:
    mailer.use({"default": credential(smtp), "cafe": credential(smtp, sender="hello@cafe.example")})
    await mailer.send(outgoing(app="cafe"))
    await mailer.send(outgoing())
    with pytest.raises(CredentialError, match="no_credential"):
        await mailer.send(outgoing(app="museum"))

    assert [received.sender for received in smtp.mails] == ["hello@cafe.example", "offers@shop.example"]


async def test_a_changed_credential_lets_what_is_on_its_way_end_as_it_began(smtp: SmtpService, mailer: Email) -> None:
    smtp.faults.append(Fault("RCPT", delay_s=0.3))
    sending = asyncio.create_task(mailer.send(outgoing()))
    await until(lambda: "RCPT" in smtp.said(1))
    mailer.use({"default": credential(smtp, sender="new@shop.example")})
    await mailer.send(outgoing())
    await sending

    assert {received.sender for received in smtp.mails} == {"new@shop.example", "offers@shop.example"}
    await until(lambda: smtp.open == 1)


async def test_the_same_credential_again_keeps_its_connections(smtp: SmtpService, mailer: Email) -> None:
    await mailer.send(outgoing())
    mailer.use({"default": credential(smtp)})
    await mailer.send(outgoing())

    assert smtp.connections == 1
