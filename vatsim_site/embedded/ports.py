"""TCP ports: choosing a free one, and saying who holds one that is taken."""

import errno
import random
import socket

import psutil
from django.core.exceptions import ImproperlyConfigured

# Below the ports that systems give to outgoing connections: one of those could take a chosen port
# before its server listens on it.
CHOICE = range(20_000, 32_000)


def choose_free(wanted: int | None = None) -> int:
    """A port of the loopback address that nobody listens on now: `wanted`, where that is free."""
    if wanted and _is_free(wanted):
        return wanted
    return next(
        port for port in random.SystemRandom().sample(CHOICE, len(CHOICE)) if _is_free(port)
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def require_free(host: str, port: int) -> None:
    """Raise `ImproperlyConfigured` unless the site can listen on HOST and PORT."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ImproperlyConfigured(f"HOST: {host!r} is no address: {error.strerror}.") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ImproperlyConfigured(_why_not(host, port, error)) from None


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT {port} is in use by {_holder(port)}: end that, or set PORT to another."
    if error.errno == errno.EACCES:
        return f"PORT {port} is closed to this user: set PORT to 1024 or more."
    return f"HOST: can't listen on {host}: {error.strerror}."


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return "a process of another user"
