"""Which addresses a client may make us connect to."""

import socket

import pytest

from push.channels.egress import ForbiddenAddressError, is_public, open_socket


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse, not to bind
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "64:ff9b:1::a00:1",
        "fec0::1",
        "::7f00:1",
        "::ffff:0:7f00:1",
    ],
)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["142.250.74.10", "2a00:1450:4001:80b::200a", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


async def test_a_connection_goes_to_the_first_address_that_takes_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with await open_socket("localhost", port, public_only=False) as opened:
            assert opened.getpeername()[1] == port
            assert not opened.getblocking()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_a_connection_inwards_is_refused_before_it_is_made(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(ForbiddenAddressError):
            await open_socket(host, server.getsockname()[1], public_only=True)
        server.setblocking(False)  # noqa: FBT003 - positional only
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_a_host_that_takes_none_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await open_socket("127.0.0.1", port, public_only=False)
    with pytest.raises(OSError, match=r"(?i)name|address|resolution"):
        await open_socket("nowhere.invalid", port, public_only=False)
