"""Query parameters, read with a type or refused with a 400 that names them."""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from django_filters import FilterSet
from django_filters.widgets import SuffixedMultiWidget
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

D = TypeVar("D")

BIGINT_LEAST, BIGINT_MOST = -(2**63), 2**63 - 1
# ASCII digits only, and few enough that nothing spends time on converting them.
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


def integer(
    query: Mapping[str, str],
    name: str,
    default: D,
    *,
    least: int = BIGINT_LEAST,
    most: int = BIGINT_MOST,
) -> int | D:
    """A whole number from `least` to `most`, both allowed."""
    if not (raw := query.get(name)):
        return default
    if not _INTEGER.fullmatch(raw) or not least <= int(raw) <= most:
        _refuse(name, f"Must be a whole number from {least} to {most}.")
    return int(raw)


def number(
    query: Mapping[str, str], name: str, default: D, *, least: float, most: float
) -> float | D:
    """A finite number from `least` to `most`, both allowed."""
    if not (raw := query.get(name)):
        return default
    try:
        value = float(raw)
    except ValueError:
        value = math.nan
    if not least <= value <= most:  # NaN fails too
        _refuse(name, f"Must be a number from {least} to {most}.")
    return value


def instant(query: Mapping[str, str], name: str, default: D) -> datetime | D:
    """A time in ISO 8601, aware, in UTC; without an offset it is UTC already."""
    if not (raw := query.get(name)):
        return default
    try:
        value = datetime.fromisoformat(raw)
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter at the ends of the calendar
        _refuse(name, "Must be a time in ISO 8601, such as 2026-11-22T10:15:00Z.")


def choice(query: Mapping[str, str], name: str, default: D, *, allowed: Collection[str]) -> str | D:
    """One of `allowed`."""
    if not (raw := query.get(name)):
        return default
    if raw not in allowed:
        _refuse(name, f"Must be one of: {', '.join(allowed)}.")
    return raw


def text(query: Mapping[str, str], name: str, default: D, *, longest: int = 100) -> str | D:
    """A text of at most `longest` characters."""
    if not (raw := query.get(name)):
        return default
    if len(raw) > longest:
        _refuse(name, f"Must have at most {longest} characters.")
    return raw


def refuse_unknown(query: Iterable[str], known: Collection[str]) -> None:
    """Raise a `ValidationError` that names every parameter not among `known`."""
    if unknown := [name for name in query if name not in known]:
        raise ValidationError({_printable(name): ["Unknown parameter."] for name in unknown})


class StrictParametersMixin(APIView):
    """A view that refuses unknown parameters and texts that PostgreSQL can't hold.

    `parameters` names those that the view reads by itself; those of its filterset, its
    pagination and the format are known.
    """

    parameters: Collection[str] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the parameters once it is clear that the reader may ask."""
        super().initial(request, *args, **kwargs)
        refuse_unknown(request.query_params, self.known_parameters())
        for name in request.query_params:
            if any("\0" in value for value in request.query_params.getlist(name)):
                _refuse(name, "Must not hold NUL characters.")
        if any("\0" in str(value) for value in kwargs.values()):
            raise NotFound

    def known_parameters(self) -> set[str]:
        """Every parameter that means something to this view."""
        known = {api_settings.URL_FORMAT_OVERRIDE, *self.parameters}
        if filterset := getattr(self, "filterset_class", None):
            known.update(filter_parameters(filterset))
        known.update(getattr(getattr(self, "paginator", None), "parameter_names", ()))
        return known


def filter_parameters(filterset: type[FilterSet]) -> Iterator[str]:
    """The names of the parameters that a filterset reads; a range has two."""
    for name, declared in filterset.base_filters.items():
        widget = declared.field.widget
        if isinstance(widget, SuffixedMultiWidget):
            yield from (widget.suffixed(name, suffix) for suffix in widget.suffixes)
        else:
            yield name


def _refuse(name: str, why: str) -> NoReturn:
    raise ValidationError({name: [why]})


def _printable(name: str) -> str:
    return ascii(name[:50])[1:-1]
