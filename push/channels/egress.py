"""Where requests to addresses that clients chose may go: nowhere inside our own network.

The check is made on the address that the socket is about to connect to, so that neither a name that resolves inwards,
nor one that changes between check and use, nor a literal address slips by.
"""

import asyncio
import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import aiohttp

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]

_DNS_CACHE_S: Final = 60
"""Push services have few names; asking for each connection would be slow, keeping an answer long would be deaf."""
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1: the IPv4 address is the low 32 bits
_INNER: Final = tuple(map(IPv6Network, ("64:ff9b:1::/48", "fec0::/10", "::/96", "::ffff:0:0:0/96")))
"""RFC 8215, RFC 3879, RFC 4291 section 2.5.5.1, RFC 2765 section 2.1: ways inwards that `ipaddress` calls global."""


class ForbiddenAddressError(OSError):
    """A connection that would have gone to a private, loopback, link-local or otherwise special address."""

    def __init__(self) -> None:
        super().__init__("address is not public")


def connector(tls: ssl.SSLContext, *, per_host: int, public_only: bool) -> aiohttp.TCPConnector:
    """A pool of connections, at most `per_host` to one host; with `public_only`, to public addresses only."""
    factory = _public_socket if public_only else None
    return aiohttp.TCPConnector(
        ssl=tls, limit=0, limit_per_host=per_host, ttl_dns_cache=_DNS_CACHE_S, socket_factory=factory
    )


async def open_socket(host: str, port: int, *, public_only: bool) -> socket.socket:
    """A connection to the first of a host's addresses that takes one; with `public_only`, of its public ones.

    Raises OSError: none does; `ForbiddenAddressError`: it has no other address than such.
    """
    loop = asyncio.get_running_loop()
    failed: OSError = OSError("host has no address")
    for info in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return await _connected(loop, info, public_only=public_only)
        except OSError as error:
            failed = error
    raise failed


async def _connected(loop: asyncio.AbstractEventLoop, info: AddressInfo, *, public_only: bool) -> socket.socket:
    opened = _public_socket(info) if public_only else socket.socket(*info[:3])
    try:
        opened.setblocking(False)  # noqa: FBT003 - positional only
        await loop.sock_connect(opened, info[4])
    except BaseException:
        opened.close()
        raise
    return opened


def is_public(address: str) -> bool:
    """Whether an address (text, a zone index allowed) is one of the public internet, seen through its mappings."""
    ip = _unmap(ip_address(address.partition("%")[0]))
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _INNER)


def _unmap(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _public_socket(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise ForbiddenAddressError
    return socket.socket(family, kind, protocol)
