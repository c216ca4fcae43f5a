"""Which proxy the environment names for a request."""

import urllib.request

from lama_tui.providers.address import is_loopback


def proxy_to(scheme: str, host: str, local_only: bool) -> str | None:
    """The address of the proxy for `scheme://host`, None: go there directly.

    A proxy is for other machines: it is never used for loopback nor under `local_only`.
    """
    if local_only or is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    return address if not address or "://" in address else f"http://{address}"
