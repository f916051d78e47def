"""Stands between a process of the site and its resolver for one name; Python imports it at start.

What the file FEED_TEST_ADDRESS holds is the answer for feed.test: an address, nothing where there
is no such name, or "silence".
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

_resolve = socket.getaddrinfo


def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
    """Resolve as the system does, except for feed.test."""
    if host == "feed.test":
        host = Path(os.environ["FEED_TEST_ADDRESS"]).read_text()
        if host == "silence":
            time.sleep(30)  # as long as a resolver may try
        if host in {"", "silence"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _resolve(host, *args, **options)


socket.getaddrinfo = getaddrinfo
