"""E-mail while things go wrong: refusals at every step, silence, cuts, garbage, and what becomes of connections."""

import asyncio
import ssl

import msgspec
import pytest

from push.channels import email
from push.channels.email import Email, EmailSettings
from push.channels.smtp import Limits, LostError, Patience, Pool, Server
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from tests.support.brokers import until
from tests.support.mails import credential, outgoing
from tests.support.smtp_service import HOST, Fault, SmtpService, Step


async def test_many_mails_go_through_few_connections_with_a_reset_between(
    smtp: SmtpService, mail_settings: EmailSettings
) -> None:
    async with email.connect(msgspec.structs.replace(mail_settings, connections_per_app=3)) as mailer:
        mailer.use({"default": credential(smtp)})
        await asyncio.gather(*(mailer.send(outgoing(f"ada{i}@shop.example")) for i in range(30)))

    assert sorted(received.recipient for received in smtp.mails) == sorted(f"ada{i}@shop.example" for i in range(30))
    assert (smtp.connections, smtp.most_open) == (3, 3)
    for number in (1, 2, 3):
        said = smtp.said(number)
        assert said.count("RSET") == said.count("MAIL") - 1
        assert said.count("AUTH") == 1
        assert said[-1] == "QUIT"
    await until(lambda: smtp.open == 0)


@pytest.mark.parametrize(
    "changes", [{"mails_per_connection": 1}, {"connection_lifetime_s": 1e-9}], ids=["after a mail", "of age"]
)
async def test_a_connection_ends_after_so_many_mails_or_so_long(
    smtp: SmtpService, mail_settings: EmailSettings, changes: dict[str, float]
) -> None:
    async with email.connect(msgspec.structs.replace(mail_settings, **changes)) as mailer:
        mailer.use({"default": credential(smtp)})
        for _ in range(3):
            await mailer.send(outgoing())

        assert smtp.connections == 3
        await until(lambda: smtp.open == 0)


async def test_a_connection_that_nobody_uses_is_closed(smtp: SmtpService, mail_settings: EmailSettings) -> None:
    async with email.connect(msgspec.structs.replace(mail_settings, idle_s=0.05)) as mailer:
        mailer.use({"default": credential(smtp)})
        await mailer.send(outgoing())
        await until(lambda: smtp.open == 0)
        await mailer.send(outgoing())

    assert (len(smtp.mails), smtp.connections) == (2, 2)


@pytest.mark.parametrize("fault", [Fault("RSET", "421 closing"), Fault("RSET", cut=True), Fault("RSET", "554 what?")])
async def test_a_connection_that_does_not_begin_anew_is_replaced(
    smtp: SmtpService, mailer: Email, fault: Fault
) -> None:
    smtp.faults.append(fault)
    await mailer.send(outgoing())
    await mailer.send(outgoing())

    assert (len(smtp.mails), smtp.connections) == (2, 2)


async def test_a_refused_mail_does_not_cost_the_connection(smtp: SmtpService, mailer: Email) -> None:
    smtp.faults.append(Fault("RCPT", "550 5.1.1 unknown"))
    with pytest.raises(DeviceGoneError):
        await mailer.send(outgoing("nobody@shop.example"))
    await mailer.send(outgoing())

    assert [received.recipient for received in smtp.mails] == ["ada@shop.example"]
    assert smtp.connections == 1


async def test_a_send_that_is_cancelled_leaves_no_connection_out_of_step(smtp: SmtpService, mailer: Email) -> None:
    smtp.faults.append(Fault("RCPT", delay_s=30))
    sending = asyncio.create_task(mailer.send(outgoing("first@shop.example")))
    await until(lambda: "RCPT" in smtp.said(1))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await mailer.send(outgoing("second@shop.example"))

    assert [received.recipient for received in smtp.mails] == ["second@shop.example"]
    assert smtp.connections == 2


LIMITS = Limits(connections=1, lifetime_s=60, idle_s=60, mails=100)


@pytest.mark.parametrize("smtp", ["none"], indirect=True)
async def test_who_finds_no_free_connection_in_time_is_told_to_send_less(smtp: SmtpService) -> None:
    server = Server(
        host=HOST,
        port=smtp.port,
        security="none",
        username="",
        password="",
        local_name="shop.example",
        public_only=False,
    )
    now_s = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as goodbyes:
        pool = Pool(server, ssl.create_default_context(), LIMITS, goodbyes.create_task)
        async with pool.session(Patience(10, now_s + 10)):
            with pytest.raises(LostError) as caught:
                async with pool.session(Patience(10, now_s + 0.05)):
                    pytest.fail("there is one connection only")
        pool.close()

    assert isinstance(email.lost(caught.value), BusyError)


@pytest.mark.parametrize(
    ("step", "answer", "kind", "reason"),
    [
        ("greeting", "421 4.3.2 too busy", BusyError, "service_busy"),
        ("greeting", "554 5.7.1 we know you", CredentialError, "service_refuses_us"),
        ("EHLO", "550 who?", CredentialError, "service_refuses_us"),
        ("AUTH", "454 4.7.0 later", TransientError, "refused_for_now"),
        ("AUTH", "534 5.7.9 too weak", CredentialError, "login_refused"),
        ("MAIL", "530 5.7.0 log in first", CredentialError, "login_refused"),
        ("MAIL", "550 5.7.60 not yours", CredentialError, "sender_refused"),
        ("MAIL", "452 4.3.1 disk full", BusyError, "service_busy"),
        ("RCPT", "450 4.2.0 greylisted", TransientError, "refused_for_now"),
        ("RCPT", "451 4.7.1 later", TransientError, "refused_for_now"),
        ("RCPT", "452 4.2.2 full", TransientError, "mailbox_full"),
        ("RCPT", "552 5.2.2 full", PermanentError, "mailbox_full"),
        ("RCPT", "550 5.1.1 unknown", DeviceGoneError, "mailbox_unknown"),
        ("RCPT", "551 5.1.6 moved", DeviceGoneError, "mailbox_unknown"),
        ("RCPT", "553 5.1.3 bad", DeviceGoneError, "mailbox_unknown"),
        ("RCPT", "550 5.1.10 takes no mail", DeviceGoneError, "mailbox_unknown"),
        ("RCPT", "550 5.1.8 your domain", CredentialError, "sender_refused"),
        ("RCPT", "550 5.7.1 policy", PermanentError, "recipient_refused"),
        ("RCPT", "550 no", PermanentError, "recipient_refused"),
        ("DATA", "554 5.5.1 no", PermanentError, "message_refused"),
        ("DATA", "250 what?", TransientError, "answer_not_understood"),
        ("content", "552 5.3.4 too big", PermanentError, "payload_too_large"),
        ("content", "554 5.7.1 spam", PermanentError, "message_refused"),
        ("content", "421 4.4.2 going down", BusyError, "service_busy"),
        ("content", "451 4.3.0 later", TransientError, "refused_for_now"),
        ("content", "550 5.1.1 unknown after all", DeviceGoneError, "mailbox_unknown"),
    ],
)  # fmt: skip
async def test_what_a_refusal_means(  # noqa: PLR0913, PLR0917 - a row of the table
    smtp: SmtpService, mailer: Email, step: Step, answer: str, kind: type[DeliveryError], reason: str
) -> None:
    smtp.faults += [Fault(step, answer)] * (3 if step == "AUTH" else 1)  # other methods are tried, too

    with pytest.raises(DeliveryError) as caught:
        await mailer.send(outgoing())

    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert caught.value.status == (None if reason == "answer_not_understood" else int(answer[:3]))
    assert caught.value.__cause__ is None
    await mailer.send(outgoing())
    assert len(smtp.mails) == 1


@pytest.mark.parametrize("step", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", ["cut", "slow", "garbage"])
async def test_before_the_mail_itself_a_failure_means_that_nothing_was_sent(
    smtp: SmtpService, mail_settings: EmailSettings, step: Step, how: str
) -> None:
    faults = {"cut": Fault(step, cut=True), "slow": Fault(step, delay_s=30), "garbage": Fault(step, "HTTP/1.1 200 OK")}
    smtp.faults.append(faults[how])
    async with email.connect(msgspec.structs.replace(mail_settings, step_timeout_s=0.3)) as mailer:
        mailer.use({"default": credential(smtp)})
        with pytest.raises(TransientError) as caught:
            await mailer.send(outgoing())

        assert type(caught.value) is TransientError
        assert (
            caught.value.reason
            in {
                "cut": {"connection_lost", "service_unreachable"},
                "slow": {"service_too_slow"},
                "garbage": {"answer_not_understood"},
            }[how]
        )
        assert smtp.mails == []


@pytest.mark.parametrize(
    "fault", [Fault("content", cut=True), Fault("content", delay_s=30), Fault("content", "hello?")]
)
async def test_after_the_mail_itself_a_failure_leaves_the_outcome_unknown(
    smtp: SmtpService, mail_settings: EmailSettings, fault: Fault
) -> None:
    smtp.faults.append(fault)
    async with email.connect(msgspec.structs.replace(mail_settings, step_timeout_s=0.3)) as mailer:
        mailer.use({"default": credential(smtp)})
        with pytest.raises(OutcomeUnknownError, match="outcome_unknown"):
            await mailer.send(outgoing())
        await mailer.send(outgoing())

    assert len({received.mail["Message-ID"] for received in smtp.mails}) == 1


async def test_all_steps_together_have_a_deadline(smtp: SmtpService, mail_settings: EmailSettings) -> None:
    smtp.faults += [Fault(step, delay_s=0.3) for step in ("EHLO", "AUTH", "MAIL", "RCPT", "DATA")]
    async with email.connect(msgspec.structs.replace(mail_settings, timeout_s=0.6)) as mailer:
        mailer.use({"default": credential(smtp)})
        with pytest.raises(TransientError, match="service_too_slow"):
            await mailer.send(outgoing())

    assert smtp.mails == []
