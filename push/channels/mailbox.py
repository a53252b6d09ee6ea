"""E-mail addresses: one mailbox, strictly, so that nothing else can stand in a command or header (RFC 5321, 6531)."""

import encodings.idna
import re
import unicodedata
from typing import Final

import msgspec

_LOCAL_OCTETS: Final = 64  # RFC 5321 section 4.5.3.1.1
_MAILBOX_OCTETS: Final = 254  # section 4.5.3.1.3: a path has at most 256 with its angle brackets
_DOMAIN_OCTETS: Final = 253  # RFC 1035 section 2.3.4: 255 with the length octets of the first label and the root
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"  # RFC 5322 section 3.2.3 with RFC 6531's additions
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_EXPECTED: Final = "expected one e-mail address"


class Mailbox(msgspec.Struct, frozen=True):
    """One mailbox; the domain in the form that DNS has, lower case."""

    local: str
    domain: str

    def __str__(self) -> str:
        """As it stands in an envelope."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only servers that take SMTPUTF8 (RFC 6531) know what to do with it."""
        return not self.local.isascii()


def parse(text: str) -> Mailbox:
    """The mailbox that `text` is, and nothing beside it. Raises ValueError.

    Quoted local parts, address literals and domains without a dot are legal in places, and refused: no shopper has one.
    """
    local, _, domain = unicodedata.normalize("NFC", text).rpartition("@")
    mailbox = Mailbox(local, _ascii(domain))
    fits = len(local.encode("utf-8", "replace")) <= _LOCAL_OCTETS and len(mailbox.domain) <= _DOMAIN_OCTETS
    if not (fits and _LOCAL.fullmatch(local) and local.isprintable() and _DOMAIN.fullmatch(mailbox.domain)):
        raise ValueError(_EXPECTED)
    if len(str(mailbox).encode()) > _MAILBOX_OCTETS:
        raise ValueError(_EXPECTED)
    return mailbox


def _ascii(domain: str) -> str:
    """The domain in A-labels. Raises ValueError.

    The codec knows IDNA 2003 only; where the newer rules name another domain (ß is not ss any more), it does not give
    back what went in, and the address is refused: mail must never go to somebody else's domain.
    """
    lowered = domain.lower()
    if lowered.isascii():
        return lowered
    labels = [encodings.idna.ToASCII(label) for label in lowered.split(".")]
    if [encodings.idna.ToUnicode(label) for label in labels] != lowered.split("."):
        raise ValueError(_EXPECTED)
    return b".".join(labels).decode()
