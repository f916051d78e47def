"""Typed readers of environment variables that fail with a sentence naming the variable."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured

N = TypeVar("N", int, float)


class Environment:
    """Reads typed values out of a mapping of environment variables.

    An unset or empty variable gives the default. A value that does not fit raises
    `ImproperlyConfigured` with a sentence that names the variable.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables

    def text(self, name: str, default: str = "") -> str:
        """The value as it stands, without surrounding white space."""
        return self._variables.get(name, "").strip() or default

    def integer(self, name: str, default: int, *, least: int, most: int | None = None) -> int:
        """A whole number from `least` to `most`, both allowed."""
        value = self._convert(name, default, int, "a whole number")
        self._require_range(name, value, least, most)
        return value

    def number(
        self, name: str, default: float, *, least: float, most: float | None = None
    ) -> float:
        """A finite number from `least` to `most`, both allowed."""
        value = self._convert(name, default, float, "a number")
        self._require_range(name, value, least, most)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """True for 1, true, yes, on; false for 0, false, no, off."""
        words = {"1": True, "true": True, "yes": True, "on": True}
        words |= {"0": False, "false": False, "no": False, "off": False}
        value = self.text(name).lower()
        if not value:
            return default
        if value not in words:
            raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
        return words[value]

    def names(self, name: str, default: list[str] | None = None) -> list[str]:
        """A comma-separated list."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or (
            default or []
        )

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """A comma-separated list of addresses or networks in CIDR notation."""
        try:
            return [ipaddress.ip_network(word) for word in self.names(name)]
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} must list IP addresses or networks: {error}."
            ) from None

    def path(self, name: str, default: Path) -> Path:
        """An absolute path; a relative value counts from the current folder."""
        return Path(self.text(name, str(default))).expanduser().absolute()

    def url(self, name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
        """An address of one of `schemes`, or the default."""
        value = self.text(name, default)
        if value:
            try:
                parts = urlsplit(value)
                parts.port  # noqa: B018 - a bad port raises here
            except ValueError as error:
                raise ImproperlyConfigured(f"{name} is not an address: {error}.") from None
            if parts.scheme not in schemes or not (
                parts.netloc or parts.path.strip("/") or parts.query
            ):
                raise ImproperlyConfigured(
                    f"{name} must be an address that begins with "
                    f"{' or '.join(f'{scheme}://' for scheme in schemes)}."
                )
        return value

    def _convert(self, name: str, default: N, kind: Callable[[str], N], what: str) -> N:
        raw = self.text(name)
        if not raw:
            return default
        try:
            return kind(raw)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be {what}, not {raw!r}.") from None

    @staticmethod
    def _require_range(name: str, value: float, least: float, most: float | None) -> None:
        # Written so that NaN fails too.
        if not (least <= value and (most is None or value <= most)):
            limits = f"at least {least}" if most is None else f"from {least} to {most}"
            raise ImproperlyConfigured(f"{name} must be {limits}, not {value}.")


def with_password(url: str, password: str) -> str:
    """The address with `password`, unless there is none or the address carries its own."""
    parts = urlsplit(url)
    if not password or parts.password:
        return url
    name, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{name}:{quote(password, safe='')}@{place}").geturl()
