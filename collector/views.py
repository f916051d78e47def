"""What every page of the site says about the data."""

from django.http import HttpRequest


def feed_notice(request: HttpRequest) -> dict[str, str]:
    """Context processor: a notice where the data isn't the live network's."""
    return {"feed_notice": ""}
