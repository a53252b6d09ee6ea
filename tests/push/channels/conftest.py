"""A mail server and a receiver of webhooks, and the channels that send to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.channels import email, webhook
from push.channels.email import Email, EmailSettings
from push.channels.webhook import Webhook
from tests.support import webhook_service
from tests.support.hooks import trusting, webhook_credential
from tests.support.mails import credential
from tests.support.smtp_service import HOST, Security, SmtpService, serving
from tests.support.webhook_service import Receiver


@pytest.fixture(params=["tls"])
async def smtp(request: pytest.FixtureRequest) -> AsyncIterator[SmtpService]:
    security: Security = request.param
    async with serving(SmtpService(security)) as running:
        yield running


@pytest.fixture
def mail_settings(smtp: SmtpService, tmp_path: Path) -> EmailSettings:
    smtp.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return EmailSettings(allow_private_hosts=True, ca_file=str(tmp_path / "ca.pem"), plaintext_hosts=(HOST,))


@pytest.fixture
async def mailer(smtp: SmtpService, mail_settings: EmailSettings) -> AsyncIterator[Email]:
    async with email.connect(mail_settings) as connected:
        connected.use({"default": credential(smtp)})
        yield connected


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_service.serving(Receiver()) as running:
        yield running


@pytest.fixture
async def hook(receiver: Receiver, tmp_path: Path) -> AsyncIterator[Webhook]:
    async with webhook.connect(trusting(receiver, tmp_path)) as connected:
        connected.use({"default": webhook_credential(receiver)})
        yield connected
