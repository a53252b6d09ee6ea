"""A mail server, and the channel that sends through it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.channels import email
from push.channels.email import Email, EmailSettings
from tests.support.mails import credential
from tests.support.smtp_service import HOST, Security, SmtpService, serving


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
