"""Deployment rules, checked by `manage.py check`."""

import ipaddress
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_proxies_are_named(**_: Any) -> list[CheckMessage]:
    """Trusting everybody's X-Forwarded-For lets each client choose its own address."""
    if not any(network.prefixlen == 0 for network in settings.TRUSTED_PROXIES):
        return []
    return [
        Error(
            "TRUSTED_PROXIES trusts every address.",
            hint="Name the proxies' own addresses or their network.",
            id="monitoring.E001",
        )
    ]


@register(Tags.security, deploy=True)
def check_outside_means_https(**_: Any) -> list[CheckMessage]:
    """A site that listens beyond this machine sends passwords, so it needs https."""
    if _is_loopback(settings.HOST) or settings.SITE_URL.startswith("https://"):
        return []
    return [
        checks.Warning(
            f"HOST is {settings.HOST}, but SITE_URL is no https address.",
            hint="Put a proxy with TLS in front and set SITE_URL to its address.",
            id="monitoring.W001",
        )
    ]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
