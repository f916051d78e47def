"""Which format an answer has."""

from collections.abc import Iterable

from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer


class ContentNegotiation(DefaultContentNegotiation):
    """Chooses by `?format=` or the Accept header; an unknown format is a bad parameter."""

    def filter_renderers(
        self,
        renderers: Iterable[BaseRenderer],
        format: str,  # noqa: A002 - DRF's name
    ) -> list[BaseRenderer]:
        """The renderers of `format`; 400 that lists the formats where there is none."""
        renderers = list(renderers)
        fitting = [renderer for renderer in renderers if renderer.format == format]
        if not fitting:
            known = ", ".join(renderer.format for renderer in renderers)
            raise ValidationError({"format": [f"There is no such format here, only: {known}."]})
        return fitting
