"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vatsim_site.settings")

application = get_wsgi_application()

from collector import snapshots  # noqa: E402 - needs the applications
from monitoring import lifecycle  # noqa: E402

snapshots.warm()
lifecycle.announce_process("web")
