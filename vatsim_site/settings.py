"""Settings of every process, read once from the environment.

Each variable is read by a typed reader that fails with a sentence naming it. What an operator
changes while the system runs stands in the section "Changed while running".
"""

import tomllib
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from collector.rules import Rules
from vatsim_site.embedded import installation, programs
from vatsim_site.environment import Environment, with_password

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var")  # all that is written while running
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# --- Who answers where --------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", False)
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65535)
# The address people use; https switches Secure cookies and HSTS.
SITE_URL = env.url("SITE_URL", f"http://localhost:{PORT}", schemes=("http", "https"))
_served_by_https = SITE_URL.startswith("https://")
# Further names of the site. Its own, and those by which this machine asks it, always count.
ALLOWED_HOSTS = [
    urlsplit(SITE_URL).hostname or "localhost",
    *("localhost", "127.0.0.1", "[::1]"),
    *env.names("ALLOWED_HOSTS"),
]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# Proxies whose X-Forwarded-For is believed; nobody else's is.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

SECRET_KEY = env.text("SECRET_KEY") or installation.read_secret(VAR_DIR, "secret_key")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        f"SECRET_KEY is not set and {VAR_DIR} holds none: `make run` makes one."
    )
# Keys the pseudonyms of members; changing it changes them all and forgets who was erased.
PSEUDONYM_KEY = env.text("PSEUDONYM_KEY") or installation.read_secret(VAR_DIR, "pseudonym_key")
if not PSEUDONYM_KEY:
    raise ImproperlyConfigured(
        f"PSEUDONYM_KEY is not set and {VAR_DIR} holds none: `make run` makes one."
    )

# Of the first superuser, admin; needed only while there is none.
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")

# --- Django -------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "monitoring",
    "collector",
    "vatsim_site.administration.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "vatsim_site.administration.SettingsConfig",
    "csp",
    "django_celery_beat",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "health_check",
    "rest_framework",
]
MIDDLEWARE = [
    "monitoring.api.middleware.CorrelationMiddleware",
    "monitoring.api.middleware.OptionalSlashMiddleware",
    "monitoring.api.middleware.PrivateAnswersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "collector.api.middleware.LiveListMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "vatsim_site.urls"
WSGI_APPLICATION = "vatsim_site.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "collector.views.feed_notice",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "vatsim_site.formats"  # dates and times by ISO 8601
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
LAND_FILE = VAR_DIR / "basemap" / "land.npz"  # outlines behind drawn tracks, where they were made
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Browser security ---------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _served_by_https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = _served_by_https
SECURE_REDIRECT_EXEMPT = [r"^health(/|$)"]  # container probes come by plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if _served_by_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _served_by_https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- PostgreSQL and Redis -----------------------------------------------------------------------

# The embedded servers' addresses where these are unset (written by `make run`).
DATABASE_URL = env.url(
    "DATABASE_URL",
    installation.read_addresses(VAR_DIR).database_url,
    schemes=("postgres", "postgresql"),
)
REDIS_URL = env.url(
    "REDIS_URL", installation.read_addresses(VAR_DIR).redis_url, schemes=("redis", "rediss")
)
# Passwords that the addresses leave out; there, some of their characters would need escaping.
DATABASE_URL = with_password(DATABASE_URL, env.text("DATABASE_PASSWORD"))
REDIS_URL = with_password(REDIS_URL, env.text("REDIS_PASSWORD"))
REDIS_BROKER_URL = f"{REDIS_URL.rstrip('/')}/0"
REDIS_BUFFER_URL = f"{REDIS_URL.rstrip('/')}/1"  # never evicts, appends to disk
REDIS_CACHE_URL = f"{REDIS_URL.rstrip('/')}/2"

# Folders in which backups look for pg_dump and pg_restore: PG_BIN, where it is set.
POSTGRES_CLIENTS = programs.client_folders()

WEB_THREADS = env.integer("WEB_THREADS", 8, least=1, most=64)  # of the web process
DATABASE_TIMEOUT = env.integer("DATABASE_TIMEOUT", 5, least=1, most=60)  # s, wait for a connection
SERVICE_MAX_WORKERS = env.integer("SERVICE_MAX_WORKERS", 2, least=1, most=64)  # general worker
COLLECTING_WORKERS = 2  # one polls while the other flushes
EVENTS_WORKERS = 2  # while a handler hangs in one, the other serves the rest
# Of all processes together: beside web and workers those of beat, a replay and people's commands.
DATABASE_MAX_CONNECTIONS = env.integer("DATABASE_MAX_CONNECTIONS", 40, least=10, most=1000)
_connections_needed = WEB_THREADS + SERVICE_MAX_WORKERS + COLLECTING_WORKERS + EVENTS_WORKERS + 5
if _connections_needed > DATABASE_MAX_CONNECTIONS:
    raise ImproperlyConfigured(
        f"DATABASE_MAX_CONNECTIONS must be at least {_connections_needed} "
        "with these WEB_THREADS and SERVICE_MAX_WORKERS."
    )
DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": DATABASE_TIMEOUT,
        "application_name": env.text("PROCESS_NAME", "manage"),
        # A peer that vanished without a word is noticed within half a minute.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    },
}
if env.text("PROCESS_NAME") == "web":
    # One pool in the one web process. The pool's own reconnect timeout would back off for minutes.
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": WEB_THREADS,
        "timeout": DATABASE_TIMEOUT,
        "reconnect_timeout": 5,
    }

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_CACHE_URL,
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}
CACHE_TTL_FLIGHT_DATA = env.integer("CACHE_TTL_FLIGHT_DATA", 60, least=1)  # s, live flight lists
CACHE_TTL_ATC_DATA = env.integer("CACHE_TTL_ATC_DATA", 30, least=1)  # s, live controller lists

# --- The feed -----------------------------------------------------------------------------------

# live, simulated, a folder of recorded feeds, or auto: decided once for a database.
FEED = env.text("FEED", "auto")
if FEED not in {"live", "simulated", "auto"}:
    FEED = str(env.path("FEED", BASE_DIR))
    if not Path(FEED).is_dir():
        raise ImproperlyConfigured(
            f"FEED must be live, simulated, auto or an existing folder, and there is no {FEED}."
        )
FEED_SPEED = env.number("FEED_SPEED", 1, least=0, most=100_000)  # times as recorded; 0: no waiting
SIMULATION_AIRCRAFT = env.integer("SIMULATION_AIRCRAFT", 500, least=10, most=100_000)
VATSIM_STATUS_URL = env.url(
    "VATSIM_STATUS_URL", "https://status.vatsim.net/status.json", schemes=("http", "https")
)
VATSIM_API_URL = env.url("VATSIM_API_URL", schemes=("http", "https"))
VATSIM_TRANSCEIVERS_URL = env.url("VATSIM_TRANSCEIVERS_URL", schemes=("http", "https"))
VATSIM_API_TIMEOUT = env.number("VATSIM_API_TIMEOUT", 9, least=0.5, most=10)  # s, the whole fetch
VATSIM_API_RETRY_ATTEMPTS = env.integer("VATSIM_API_RETRY_ATTEMPTS", 1, least=0, most=5)
FEED_MAX_COMPRESSED_MB = env.number("FEED_MAX_COMPRESSED_MB", 8, least=0.1, most=1024)
FEED_MAX_MB = env.number("FEED_MAX_MB", 32, least=0.1, most=4096)  # decompressed
POLL_INTERVAL_SECONDS = env.integer("POLL_INTERVAL_SECONDS", 15, least=15, most=3600)
# s in which nobody else may ask the network again.
POLL_LOCK_SECONDS = env.number("POLL_LOCK_SECONDS", 10, least=0.1, most=14)
FLUSH_INTERVAL_SECONDS = env.integer("FLUSH_INTERVAL_SECONDS", 15, least=1, most=3600)
BUFFER_MAX_MB = env.number("BUFFER_MAX_MB", 1024, least=1)  # at the cap new feeds are refused

# Each constant of the domain rules, as RULE_ and its name in capitals; see collector/rules.py.
RULES = Rules(
    *(env.number(f"RULE_{name.upper()}", value, least=0) for name, value in asdict(Rules()).items())
)

# --- What lies outside --------------------------------------------------------------------------

# Failures in a row that open a circuit breaker; the feed's opens after three at the latest.
CIRCUIT_BREAKER_FAILURE_THRESHOLD = env.integer(
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD", 5, least=1, most=1000
)
# s for which it opens at first. The longest, after failed probes: twice that for the feed, else
# ten times. The share of failures counts over twice that, too.
CIRCUIT_BREAKER_TIMEOUT = env.number("CIRCUIT_BREAKER_TIMEOUT", 30, least=0.1, most=3600)
# Off: errors are only counted, none is described or sent on.
ERROR_MANAGER_ENABLED = env.boolean("ERROR_MANAGER_ENABLED", True)
# First value of RETENTION_ERRORS_DAYS.
ERROR_ANALYTICS_RETENTION_HOURS = env.integer(
    "ERROR_ANALYTICS_RETENTION_HOURS", 720, least=24, most=876_000
)
# Where errors are sent on to, and the name of this installation there.
SENTRY_DSN = env.url("SENTRY_DSN", schemes=("http", "https"))
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production")
WEBHOOK_TIMEOUT = env.number("WEBHOOK_TIMEOUT", 10, least=0.5, most=60)  # s, a whole delivery
# Hosts that webhooks may reach although they point inward.
WEBHOOK_ALLOWED_HOSTS = [name.lower() for name in env.names("WEBHOOK_ALLOWED_HOSTS")]

# --- Events -------------------------------------------------------------------------------------

# Above these numbers the oldest go: of events those that nobody waits for any more.
EVENT_BUS_MAX_HISTORY_SIZE = env.integer("EVENT_BUS_MAX_HISTORY_SIZE", 1_000_000, least=1)
EVENT_BUS_MAX_DEAD_LETTER_SIZE = env.integer("EVENT_BUS_MAX_DEAD_LETTER_SIZE", 100_000, least=1)
# s that a handler may take for an event, where it does not say itself.
EVENT_BUS_HANDLER_TIMEOUT = env.number("EVENT_BUS_HANDLER_TIMEOUT", 30, least=0.1, most=300)
# s, the longest wait before the second attempt of a delivery; it doubles with each further one.
EVENT_BUS_RETRY_SECONDS = env.number("EVENT_BUS_RETRY_SECONDS", 10, least=0.1, most=300)

# --- Celery -------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Without the socket settings a half-open connection hangs a worker silently for ever.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # nothing is kept, so beat need not schedule its removal
CELERY_TASK_DEFAULT_QUEUE = "general"
CELERY_TASK_ROUTES = {
    "collector.tasks.poll": {"queue": "collecting"},
    "collector.tasks.flush": {"queue": "collecting"},
    "monitoring.tasks.dispatch_events": {"queue": "events"},
    "monitoring.tasks.deliver_events": {"queue": "events"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 600_000  # KiB; 20,000 aircraft take 450,000
CELERY_WORKER_SEND_TASK_EVENTS = True  # for Flower
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "monitoring.beat:Scheduler"
CELERY_TIMEZONE = "UTC"

# --- The API ------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # The first one names itself in a 401.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "monitoring.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["monitoring.api.permissions.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": [
        "monitoring.api.renderers.JSONRenderer",
        "monitoring.api.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "monitoring.api.negotiation.ContentNegotiation",
    "DEFAULT_PARSER_CLASSES": ["monitoring.api.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "monitoring.api.pagination.CursorPagination",
    "DEFAULT_THROTTLE_CLASSES": ["monitoring.api.throttling.AnonymousThrottle"],
    "DEFAULT_SCHEMA_CLASS": "monitoring.api.schema.AutoSchema",
    "VIEW_DESCRIPTION_FUNCTION": "monitoring.api.descriptions.describe",
    "EXCEPTION_HANDLER": "monitoring.api.errors.exception_handler",
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VATSIM Data Collection System",
    "DESCRIPTION": "Flights, controllers and positions of the VATSIM network, live and past.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    # The groups of operations, in this order.
    "TAGS": [
        {"name": "Status", "description": "How the system and the network are."},
        {"name": "Flights", "description": "Flights, where they were, and what they filed."},
        {"name": "Air traffic control", "description": "Who controls, and who did."},
        {"name": "Errors and events", "description": "What went wrong, and what happened."},
        {"name": "The API itself", "description": "What there is."},
    ],
    "SERVE_PERMISSIONS": ["monitoring.api.permissions.PublicRead"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "monitoring.api.schema.describe_errors",
        "collector.api.schema.announce_source",
    ],
    "ENUM_NAME_OVERRIDES": {
        "FlightStatusEnum": ["active", "unseen", "ended"],
        "ErrorStatusEnum": "monitoring.models.ErrorGroup.Status",
        "FailedTaskStatusEnum": "monitoring.models.FailedTask.Status",
        "SessionStatusEnum": "collector.models.ControllerSession.Status",
        "FlightEndReasonEnum": "collector.models.Flight.EndReason",
        "SessionEndReasonEnum": "collector.models.ControllerSession.EndReason",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # No badge of an outside validator.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

# --- Changed while running ----------------------------------------------------------------------

# Read through monitoring.runtime.current(), whose fields have these names in lower case.
CONSTANCE_BACKEND = "constance.backends.database.DatabaseBackend"
CONSTANCE_SUPERUSER_ONLY = False  # who has the permission change_config: the administrators
CONSTANCE_ADDITIONAL_FIELDS = {
    "days": ["django.forms.IntegerField", {"min_value": 1, "max_value": 36_500}],
    "seconds": ["django.forms.IntegerField", {"min_value": 16, "max_value": 86_400}],
    "a minute": ["django.forms.IntegerField", {"min_value": 1, "max_value": 1_000_000}],
}
CONSTANCE_CONFIG = {
    "POLL_ENABLED": (True, "Fetch the feed. Off: nothing new arrives", bool),
    "FLUSH_ENABLED": (True, "Store what was fetched. Off: it waits in the buffer", bool),
    "COMPACTION_ENABLED": (True, "Pack positions of past windows. Off: they take more room", bool),
    "COLLECT_TRANSCEIVERS": (True, "Collect which frequencies are tuned", bool),
    "COLLECT_PREFILES": (True, "Collect plans filed before a flight", bool),
    "FEED_WARN_SECONDS": (45, "A feed is late from this age", "seconds"),
    "FEED_STALE_SECONDS": (60, "A feed is stale from this age", "seconds"),
    "FEED_OUTAGE_SECONDS": (180, "A feed is an outage from this age", "seconds"),
    "PUBLIC_API": (True, "Anonymous readers may use the public part of the API", bool),
    "PUBLIC_NAMES": (False, "Anonymous readers see members' names and CIDs", bool),
    "PUBLIC_REQUESTS_PER_MINUTE": (120, "Requests of an anonymous address", "a minute"),
    "RETENTION_POSITIONS_DAYS": (400, "Positions, dropped by whole months", "days"),
    "RETENTION_FLIGHTS_DAYS": (400, "Ended flights with their plans", "days"),
    "RETENTION_SESSIONS_DAYS": (400, "Ended sessions of controllers and ATIS", "days"),
    "RETENTION_POLLS_DAYS": (400, "Polls of the feed with their measurements", "days"),
    "RETENTION_REJECTED_RECORDS_DAYS": (30, "Refused records and failed polls", "days"),
    "RETENTION_PREFILES_DAYS": (30, "Plans filed before a flight", "days"),
    "RETENTION_ERRORS_DAYS": (
        -(-ERROR_ANALYTICS_RETENTION_HOURS // 24),
        "Errors, their counts, failed tasks. By the wall clock",
        "days",
    ),
    "RETENTION_TUNINGS_DAYS": (90, "Which frequencies were tuned", "days"),
    "RETENTION_EVENTS_DAYS": (30, "Events that no handler waits for. By the wall clock", "days"),
}
# Pairs, since constance sorts a dictionary by its titles.
CONSTANCE_CONFIG_FIELDSETS = tuple(
    (title, tuple(name for name in CONSTANCE_CONFIG if name.startswith(beginnings)))
    for title, beginnings in (
        ("What is collected", ("POLL_", "FLUSH_", "COMPACTION_", "COLLECT_")),
        ("Age of the feed", ("FEED_",)),
        ("Anonymous readers", ("PUBLIC_",)),
        ("How long it is kept, counted from the newest feed", ("RETENTION_",)),
    )
)

# --- Logs ---------------------------------------------------------------------------------------

LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured(
        f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL!r}."
    )
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "monitoring.logs.ScrubbedFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
    },
    "filters": {"expected": {"()": "monitoring.logs.ExpectedFailures"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["expected"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {"constance.migrations": {"level": "WARNING"}},  # old tables that never were
}

# --- One machine --------------------------------------------------------------------------------

# s from Ctrl-C to the end of the last process.
SERVICE_SHUTDOWN_TIMEOUT = env.integer("SERVICE_SHUTDOWN_TIMEOUT", 15, least=5, most=600)
