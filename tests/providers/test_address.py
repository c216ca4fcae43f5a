"""What `local_only` lets pass, and that nothing else is even looked up."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.errors import ConnectionLost, ProviderError
from lama_tui.providers.address import addresses_of, check_local_only, is_loopback

PASS = ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
REFUSED = [
    "",
    "example.invalid",
    "localhost.",
    "localhost.invalid",
    "sub.localhost",
    "localhost.localdomain",
    "0.0.0.0",
    "::",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "128.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "::ffff:10.0.0.1",
    "fe80::1",
    "127.0.0.1.invalid",
    "\u2460\u2461\u2466.0.0.1",
]


@pytest.mark.parametrize("host", PASS)
def test_loopback_passes(host: str) -> None:
    check_local_only(host)


@pytest.mark.parametrize("host", REFUSED)
def test_everything_else_is_refused(host: str) -> None:
    with pytest.raises(ProviderError, match="Local only is on"):
        check_local_only(host)


@given(st.ip_addresses())
def test_literal_addresses(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert is_loopback(str(address)) == (mapped or address).is_loopback


@given(st.text())
def test_any_text_is_judged(host: str) -> None:
    is_loopback(host)


async def test_literals_and_localhost_need_no_lookup() -> None:
    assert await addresses_of("192.0.2.7", 80) == ["192.0.2.7"]
    assert await addresses_of("2001:db8::7", 80) == ["2001:db8::7"]
    assert await addresses_of("LocalHost", 80) == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("host", ["a" * 70 + ".invalid", "a..invalid", "a\0.invalid"])
async def test_names_that_cannot_be(host: str) -> None:
    with pytest.raises(ConnectionLost, match="was not found"):
        await addresses_of(host, 443)
