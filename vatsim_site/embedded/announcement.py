"""What `make run` says once everything answers."""

from pathlib import Path

from django.conf import LazySettings

from vatsim_site.embedded import installation
from vatsim_site.embedded.preparation import Preparation

FEEDS = {
    "live": "live, from VATSIM.",
    "simulated": "*** SIMULATED: these flights are made up, none is VATSIM's. ***",
    "recorded": "recorded, out of {folder}.",
}


def announcement(
    settings: LazySettings, var_dir: Path, prepared: Preparation, flower_url: str
) -> str:
    """The addresses of what there is, and how to sign in."""
    site = settings.SITE_URL.rstrip("/")
    feed = FEEDS[prepared.feed_source].format(folder=settings.FEED)
    flower_password = installation.secret_file(var_dir, "flower_password")
    return "\n".join(
        (
            "",
            f"Ready: {site}",
            f"  Admin     {site}/admin/",
            f"  API docs  {site}/api/docs/",
            f"  Flower    {flower_url}",
            f"  Feed      {feed}",
            f"Sign in as admin, {_password(settings, var_dir, prepared)}",
            f"Sign in to Flower as flower, with the password in {flower_password}",
            "Ctrl-C ends everything.",
        )
    )


def _password(settings: LazySettings, var_dir: Path, prepared: Preparation) -> str:
    kept = installation.secret_file(var_dir, "admin_password")
    if not kept.exists():
        return "with ADMIN_PASSWORD as it was at the first start."
    if prepared.made_superuser and not settings.ADMIN_PASSWORD:
        return f"password {installation.read_secret(var_dir, 'admin_password')} (kept in {kept})"
    return f"with the password in {kept}"
