"""Whether the parts of the site answer."""

import urllib3
from celery import Celery


def answers_http(url: str, credentials: str = "") -> bool:
    """Whether the address answers, to `name:password`, with a page or the way to one."""
    headers = {"Host": "localhost"}  # a name that the site always accepts
    if credentials:
        headers |= urllib3.make_headers(basic_auth=credentials)
    try:
        response = urllib3.request(
            "GET", url, headers=headers, timeout=2, retries=False, redirect=False
        )
    except urllib3.exceptions.HTTPError:
        return False
    return response.status < 400


def worker_answers(broker_url: str, name: str) -> bool:
    """Whether the Celery worker `name` answers within a second."""
    with Celery(broker=broker_url, set_as_current=False) as app:
        return bool(app.control.ping(destination=[name], timeout=1))
