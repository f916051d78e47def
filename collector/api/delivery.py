"""How answers travel: compressed, revalidated by ETag, with the age of what they say."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_cache_control, patch_vary_headers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from collector.freshness import Freshness
from collector.snapshots import Rendering, compressed

VARY = ("Accept", "Accept-Encoding", "Authorization", "Cookie")
LEAST_COMPRESSED = 1000  # bytes; less is not worth the while


def freshness_headers(age: Freshness) -> dict[str, str]:
    """How old the newest feed is; no age before the first feed."""
    headers: dict[str, str] = {"X-Feed-State": age.state}
    if age.age_s is not None:
        headers["X-Data-Age"] = str(round(age.age_s))
    return headers


def etag_of(rendering: Rendering, format: str = "json") -> str:  # noqa: A002 - DRF's name
    """Weak, since it is the same for every encoding. The address says what was filtered."""
    return f'W/"{rendering.version}-{format}"'


def is_known(etag: str, request: HttpRequest) -> bool:
    """Whether the reader has what `etag` stands for already."""
    offered = request.META.get("HTTP_IF_NONE_MATCH", "")
    # The quotes are part of it, so that no tag is found in a longer one.
    return etag.removeprefix("W/") in offered or offered.strip() == "*"


def answer(request: HttpRequest, rendering: Rendering, headers: dict[str, str]) -> HttpResponse:
    """A rendering's bytes, or 304."""
    etag = etag_of(rendering)
    if is_known(etag, request):
        response: HttpResponse = HttpResponseNotModified()
    else:
        encoding = accepted_encoding(request.META.get("HTTP_ACCEPT_ENCODING", ""))
        body = rendering.encoded(encoding)
        response = HttpResponse(body, content_type="application/json")
        if encoding != "identity":
            response.headers["Content-Encoding"] = encoding
    _put(response, {"ETag": etag, "Vary": _VARY, "Cache-Control": "no-cache"} | headers)
    return response


_VARY = ", ".join(VARY)


def _put(response: HttpResponse, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        response.headers[name] = value


@lru_cache(maxsize=1000)
def accepted_encoding(header: str) -> str:
    """zstd, gzip or identity: what the reader likes best; zstd first where it likes both."""
    liking = {"zstd": 0.0, "gzip": 0.0, "identity": 0.001}
    for part in header.lower().split(","):
        name, _, parameter = part.strip().partition(";")
        quality = _quality(parameter)
        for known in liking if name.strip() == "*" else (name.strip(),):
            if known in liking:
                liking[known] = quality
    best = max(liking.values())
    if not best:
        return "identity"
    return next(name for name, quality in liking.items() if quality == best)


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        quality = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0  # NaN is neither


class CompressedMixin(APIView):
    """A view whose longer answers are compressed as the reader likes."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Compress once the answer is rendered; what somebody signed in for is theirs alone."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(finished, VARY)
        if request.user.is_authenticated:
            patch_cache_control(finished, private=True)
        if isinstance(finished, Response):
            encoding = accepted_encoding(request.META.get("HTTP_ACCEPT_ENCODING", ""))
            finished.add_post_render_callback(lambda rendered: _compress(rendered, encoding))
        return finished


def _compress(response: Any, encoding: str) -> None:
    if encoding != "identity" and len(response.content) >= LEAST_COMPRESSED:
        response.content = compressed(response.content, encoding)
        response.headers["Content-Encoding"] = encoding
