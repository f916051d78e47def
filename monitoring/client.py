"""Who is calling: the client's address, as far as it can be believed."""

import ipaddress
from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address(request: HttpRequest) -> str:
    """The address the request came from.

    `X-Forwarded-For` counts only as far as the proxies in TRUSTED_PROXIES wrote it: from its
    right end, up to the first address that is none of them. Whatever stands left of that was
    sent by the client and may be invented.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return _furthest_believable(peer, forwarded, settings.TRUSTED_PROXIES)


def _furthest_believable(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    believed = peer
    for hop in reversed(forwarded):
        if not _is_among(believed, proxies) or _parse(hop) is None:
            break
        believed = hop.strip()
    return str(_parse(believed) or believed)


def _is_among(text: str, networks: Sequence[Network]) -> bool:
    parsed = _parse(text)
    return parsed is not None and any(parsed in network for network in networks)


def _parse(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers as ::ffff:192.0.2.1.
    return getattr(parsed, "ipv4_mapped", None) or parsed
