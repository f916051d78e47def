"""What the errors of requests tell: which operation, and what was asked for."""

from django.http import HttpRequest

from monitoring.errors import reporting


def report_failed(error: BaseException, request: HttpRequest) -> None:
    """Report what a request failed of, which was no fault of the caller's."""
    match = request.resolver_match
    route = f"/{match.route}" if match else "(no route)"
    reporting.report(
        error,
        service=_service(match.func) if match else "web",
        operation=f"{request.method} {route}",
        context={"path": request.path, "query": request.GET.dict()},
    )


def _service(view: object) -> str:
    """The app whose view it is; the view of a class stands in the function that Django calls."""
    view = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
    module = getattr(view, "__module__", None) or "web"
    return module.partition(".")[0]
