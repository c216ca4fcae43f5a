"""Which addresses may be connected to: decided here, before anything is sent or looked up.

Under `local_only` only literal loopback addresses and `localhost` pass, and other names are
refused unresolved: a lookup would already tell somebody. Otherwise a name is looked up once and
the connection goes to the address that was found.
"""

import asyncio
import ipaddress
import socket
from concurrent.futures import Future

from lama_tui.errors import ConnectionLost, ProviderError
from lama_tui.security.gate import clean_line
from lama_tui.security.hanging import begin

LOCALHOST = ("127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost` or a literal loopback address; looks nothing up.

    Short and octal forms (`127.1`, `0x7f.1`) are not literal addresses: they count as names.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def check_local_only(host: str) -> None:
    """Raise `ProviderError` for a host that `local_only` does not let pass."""
    if not is_loopback(host):
        raise ProviderError(
            "Local only is on",
            f"{clean_line(host, 80)} is not on this machine, and nothing was sent or looked up",
            "Use a model on this machine, or set privacy.local_only = false",
        )


async def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses to connect to, best first. Raises `ConnectionLost` for an unknown name.

    `localhost` is always the loopback addresses, whatever a resolver would say.
    """
    if known := _known(host):
        return known
    try:
        return await asyncio.wrap_future(_begin_lookup(host, port))
    except (OSError, ValueError) as error:  # ValueError: a name that no resolver takes
        raise _unknown(host) from error


def find_addresses(host: str, port: int, limit: float) -> list[str]:
    """As `addresses_of`, for a thread that may wait; `TimeoutError` after `limit` seconds."""
    if known := _known(host):
        return known
    try:
        return _begin_lookup(host, port).result(limit)
    except TimeoutError:
        raise
    except (OSError, ValueError) as error:
        raise _unknown(host) from error


def _known(host: str) -> list[str]:
    """What needs no lookup; empty for a name."""
    if host.lower() == "localhost":
        return list(LOCALHOST)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return []
    return [host]


def _begin_lookup(host: str, port: int) -> "Future[list[str]]":
    def look() -> list[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    return begin(look)


def _unknown(host: str) -> ConnectionLost:
    return ConnectionLost(
        f"{clean_line(host, 80)} was not found",
        "No address is known for this name",
        "Check the endpoint's spelling and the network",
    )
