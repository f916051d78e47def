"""`/health/` and `/health/live`."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.cache import never_cache
from health_check.views import HealthCheckView, MediaType

from monitoring.health.conditions import CHECKS


class ReadinessView(HealthCheckView):  # type: ignore[misc] # health_check has no types
    """200 while this process can serve, else 500, as a page, JSON or text."""

    checks = CHECKS
    template_name = "monitoring/health.html"

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Run the checks; 400 for an Accept header that the view could not read."""
        try:
            list(MediaType.parse_header(request.headers.get("accept", "*/*")))
        except ValueError:
            return HttpResponseBadRequest("The Accept header can't be understood.")
        response: HttpResponse = await super().get(request, *args, **kwargs)
        return response


@never_cache
def live(_request: HttpRequest) -> HttpResponse:
    """200: the process answers. It asks nothing else, so that an outage restarts nobody."""
    return HttpResponse("OK", content_type="text/plain")
