"""The one settings file. Everything that differs by machine comes from the environment.

Each variable is described in docs/reference/settings.md; a test fails when one is missing there.
"""

import os
import secrets
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from furrow.config.places import switch_folder

PACKAGE = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def env_flag(name: str, default: bool = False) -> bool:
    return env(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


# --- Where we run ---------------------------------------------------------------------------

# "laptop": `furrow run` on one machine. "production": behind a proxy, with real secrets.
MODE = env("FURROW_MODE", "laptop")
if MODE not in {"laptop", "production"}:
    raise ImproperlyConfigured(f"FURROW_MODE must be laptop or production, not {MODE!r}.")
PRODUCTION = MODE == "production"
DEBUG = env_flag("FURROW_DEBUG")
if DEBUG and PRODUCTION:
    raise ImproperlyConfigured("FURROW_DEBUG must be off when FURROW_MODE=production.")

SECRET_KEY = env("FURROW_SECRET_KEY")
if not SECRET_KEY:
    if PRODUCTION:
        raise ImproperlyConfigured(
            "Set FURROW_SECRET_KEY to at least 50 random characters; "
            "`furrow doctor --secret` prints one."
        )
    # `furrow run` keeps one in its state folder; a lone command gets one for its own life.
    SECRET_KEY = secrets.token_urlsafe(50)
if PRODUCTION and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10):
    raise ImproperlyConfigured("FURROW_SECRET_KEY is too short or too simple for production.")

ALLOWED_HOSTS = env_list("FURROW_HOSTS", "" if PRODUCTION else "127.0.0.1,localhost,[::1]")
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("Set FURROW_HOSTS to the host names people use, comma separated.")
CSRF_TRUSTED_ORIGINS = env_list("FURROW_ORIGINS")

# Where browsers listen for events: "port:8001/events/" is this host on that port, a path is the
# same origin.
EVENTS = env("FURROW_EVENTS", "/events/")

# Where the pages of our web sites reach the collecting process, as seen from outside.
CAPTURE = env("FURROW_CAPTURE", "http://127.0.0.1:8002/")

# Where the health and metrics pages may be read from without signing in.
METRICS_TOKEN = env("FURROW_METRICS_TOKEN")

# --- The database -----------------------------------------------------------------------------

DATABASE_URL = env("DATABASE_URL")


def _database(url: str) -> dict[str, object]:
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    known = {"dbname", "user", "password", "host", "port"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", ""),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **{k: v for k, v in parts.items() if k not in known},
            # A connection per request costs four to five times as much. Checked before use
            # (CONN_HEALTH_CHECKS), so a
            # restarted PostgreSQL is not noticed by anybody.
            "pool": False
            if "pytest" in sys.modules
            else {
                "min_size": 1,
                "max_size": int(env("FURROW_POOL", "12")),
                "timeout": 10,
                "max_idle": 300,
            },
        },
    }


DATABASES = (
    {"default": _database(DATABASE_URL)}
    if DATABASE_URL
    else {"default": {"ENGINE": "django.db.backends.dummy"}}
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- What it is made of -------------------------------------------------------------------------

CAPABILITIES = [
    "audit",
    "organisation",
    "rulebooks",
    "exports",
    "webhooks",
    "compliance",
    "customers",
    "ownership",
    "sightings",
    "teamwork",
    "permits",
    "linkage",
    "acquisition",
    "capture",
    "pipeline",
    "campaigns",
    "lines",
    "calls",
    "learning",
    "profiles",
    "followups",
    "segments",
    "recordings",
    "phones",
    "inbound",
    "dialer",
    "desk",
    "reports",
]
INSTALLED_APPS = [
    "furrow.common",
    *(f"furrow.{name}" for name in CAPABILITIES),
    "furrow.config",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "procrastinate.contrib.django",
    "pghistory",
    "pgtrigger",
    "django_htmx",
    "template_partials",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_linear_migrations",
]
FIRST_PARTY_APPS = [f"furrow.{name}" for name in CAPABILITIES]

MIDDLEWARE = [
    "furrow.config.middleware.RequestIds",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "furrow.config.middleware.EventsOrigin",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "furrow.config.middleware.Storable",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "furrow.organisation.http.KeepRights",
    "furrow.organisation.tokens.Tokens",
    "furrow.config.middleware.Unkept",
    "furrow.config.middleware.PersonalLocale",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "furrow.config.middleware.History",
    "furrow.sightings.middleware.Openings",
    "furrow.common.refusal.RefusalMiddleware",
    "furrow.common.readonly.ReadOnlyGets",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "furrow.config.navigation.chrome",
            ],
            "builtins": ["furrow.common.templatetags.furrow"],
        },
    }
]
ROOT_URLCONF = "furrow.config.urls"
WSGI_APPLICATION = "furrow.config.wsgi.application"
ASGI_APPLICATION = "furrow.config.asgi.application"

# --- Signing in -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "organisation.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in [
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    ]
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "furrow.config.accounts.ClosedAccounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "20/m/ip,10/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/lockout.html"
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["password", "username"]
AXES_IPWARE_PROXY_COUNT = int(env("FURROW_PROXIES", "0")) or None

# Whether webhooks may be sent to this machine and its network, and without TLS. For tests.
WEBHOOKS_LOCAL = env_flag("FURROW_WEBHOOKS_LOCAL")
# Requests a minute for each API key, in each web process.
API_RATE = int(env("FURROW_API_RATE", "600"))

SESSION_COOKIE_AGE = 12 * 3600  # a shift
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- In the browser -----------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_SSL_REDIRECT = env_flag("FURROW_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],  # the events origin is added per request, see middleware
        "frame-ancestors": ["'none'"],
        "base-uri": [SELF],
        "form-action": [SELF],
        "object-src": ["'none'"],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("FURROW_STATIC_ROOT", str(PACKAGE.parent.parent / "staticfiles")))
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
if PRODUCTION:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
# Uploaded lists wait here until they are imported.
MEDIA_ROOT = Path(env("FURROW_FILES", str(PACKAGE.parent.parent / ".cache" / "files")))

# --- Language and time ----------------------------------------------------------------------------

LANGUAGE_CODE = env("FURROW_LANGUAGE", "zh-hans")
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [PACKAGE / "locale"]
TIME_ZONE = env("FURROW_TIME_ZONE", "Asia/Shanghai")
USE_TZ = True
FORMAT_MODULE_PATH = ["furrow.config.formats"]

# --- Calling --------------------------------------------------------------------------------------

# "simulated": a carrier inside the dialer; nothing leaves the machine, and nothing is heard.
# "asterisk": a switch that `furrow asterisk run` keeps, with sound in the agents' browsers.
TELEPHONY = env("FURROW_TELEPHONY", "simulated")
# Who calls real people has a phone; where nobody real is called, one may try without sound.
NEEDS_PHONES = TELEPHONY == "asterisk" and bool(env("FURROW_TRUNKS"))
ASTERISK_FOLDER = switch_folder()
ASTERISK_PORT = int(env("FURROW_ASTERISK_PORT", "8088"))
# Where browsers reach the switch, as wss://…; empty: its own port on this host.
PHONE_SOCKET = env("FURROW_PHONE_SOCKET")
# Sound is kept apart from the rest: it is large, and erased by rule.
RECORDINGS_FOLDER = Path(env("FURROW_RECORDINGS", str(ASTERISK_FOLDER / "recordings")))
KEEP_RECORDINGS_DAYS = int(env("FURROW_KEEP_RECORDINGS_DAYS", "180"))
CALLER_ID = env("FURROW_CALLER_ID", "+8615400000000")
# How a number without a country code is read.
DEFAULT_REGION = env("FURROW_REGION", "CN")
# The countries that are called; empty: those with calling rules of their own, and the region above.
COUNTRIES = env_list("FURROW_COUNTRIES")
# JSON with the simulated carrier's seed, speed and rules per number.
SIMULATED_CARRIER = env("FURROW_SIMULATED_CARRIER", "{}")

# --- What is kept, and who is written to ----------------------------------------------------------

# Who opened whom, day by day; the trail keeps the first looks for good. Habits need two months.
KEEP_SIGHTINGS_DAYS = max(60, int(env("FURROW_KEEP_SIGHTINGS_DAYS", "365")))

# smtp://user:password@host:587, or smtps:// for TLS from the first byte. Empty: no mail is sent.
MAIL = urlsplit(env("FURROW_MAIL"))
EMAIL_HOST = MAIL.hostname or ""
EMAIL_PORT = MAIL.port or (465 if MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER = unquote(MAIL.username or "")
EMAIL_HOST_PASSWORD = unquote(MAIL.password or "")
EMAIL_USE_SSL = MAIL.scheme == "smtps"
EMAIL_USE_TLS = MAIL.scheme == "smtp" and bool(MAIL.username)
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = env("FURROW_MAIL_FROM", "furrow@localhost")

# --- Logs -----------------------------------------------------------------------------------------

LOG_FORMAT = env("FURROW_LOG", "json" if PRODUCTION else "text")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"masking": {"()": "furrow.config.logs.Masking"}},
    "formatters": {
        "json": {"()": "furrow.config.logs.Json"},
        "text": {"()": "furrow.config.logs.Text"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["masking"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env("FURROW_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "procrastinate": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]  # decided above, by mode
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
# A killed worker is known by its silence; see common/tasks.py.
PROCRASTINATE_WORKER_DEFAULTS = {"update_heartbeat_interval": 2}  # seconds
