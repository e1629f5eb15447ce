"""Django settings: everything that differs between places comes from the environment (docs/guides/configuration.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.env import ConfigurationError, env_bool, env_int, env_list, env_secret, env_text
from config.logs import logging_settings

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(path) for path in (ROOT, ROOT / "platform") if str(path) not in sys.path]

DEBUG = env_bool("DEBUG", False)
DATA_DIR = Path(env_text("MIKROBOT_DATA_DIR", str(ROOT / ".data")))
# A throw-away key serves commands that need no database; processes that serve people get a kept one from the launcher.
INSECURE_KEY = "only-for-commands-that-serve-nobody-" + "0" * 32
SECRET_KEY = env_secret("API_SECRET_KEY", INSECURE_KEY)
# To change the pepper: raise the number, move the old value to KEY_PEPPER_OLD. Keys keep the number they were stored under.
KEY_PEPPER_NUMBER = env_int("KEY_PEPPER_NUMBER", 1, minimum=1, maximum=30_000)
KEY_PEPPERS = {KEY_PEPPER_NUMBER: env_secret("KEY_PEPPER", SECRET_KEY)}
if _old_pepper := env_secret("KEY_PEPPER_OLD", ""):
    KEY_PEPPERS[KEY_PEPPER_NUMBER - 1] = _old_pepper
KEY_ENVIRONMENT = env_text("KEY_ENVIRONMENT", "live")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
HTTPS = env_bool("HTTPS", False)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.common",
    "apps.teams",
    "apps.accounts",
    "apps.strategies",
    "apps.market",
    "apps.executors",
    "apps.bots",
    "apps.backtests",
    "apps.trades",
    "apps.assignments",
    "apps.risk",
    "apps.gateway",
    "apps.dashboard",
]

# All of them asynchronous (tests/architecture/test_house.py): behind one that is not, each waiting agent holds a thread.
MIDDLEWARE = [
    "apps.common.requests.RequestIdMiddleware",
    "apps.common.requests.StorableAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.common.static_files.serve_static_files",
    "apps.common.requests.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.common.session_tracking.track_sessions",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.dashboard.context.add_frame",
            ]
        },
    }
]


# It lets `backtest`, `check` and `makemigrations --check` run without a database. Nobody waits for one to come up there.
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ConfigurationError("DATABASE_URL must start with postgresql:// (row locks are part of the product)")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "mikrobot",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "pool": url != NOWHERE
            and {"min_size": 1, "max_size": env_int("DATABASE_POOL_SIZE", 8, minimum=1, maximum=100), "timeout": 5},
            "prepare_threshold": 1_000_000_000,  # only what asks for it (apps.common.prepared) is kept prepared
            "options": "-c lock_timeout=5000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000",
        },
    }


DATABASES = {"default": _database(env_secret("DATABASE_URL", NOWHERE))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env_secret("REDIS_URL", "memory://")
if REDIS_URL.startswith("memory:"):
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
else:
    # redis-py's own socket timeout (5 s) races a blocking read and kills idle consumers: it is set apart here.
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None, "health_check_interval": 10}]},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "apps.common.cache.ForgetfulRedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }

TASK_APP = "config.celery.app"
CELERY_BROKER_URL = REDIS_URL if not REDIS_URL.startswith("memory:") else "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "apps.backtests.tasks.*": {"queue": "compute"},
    "apps.market.tasks.import_dataset": {"queue": "compute"},
    "apps.risk.tasks.work_on_what_ifs": {"queue": "compute"},
    "apps.risk.tasks.archive_logs": {"queue": "compute"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.schedule:SteadyScheduler"
CELERY_BEAT_SCHEDULE = {
    "roll-trading-days": {
        "task": "apps.risk.tasks.roll_trading_days",
        "schedule": 20.0,
        "options": {"queue": "schedule", "expires": 20},
    },
    "sign-log-heads": {
        "task": "apps.risk.tasks.sign_log_heads",
        "schedule": 60.0,
        "options": {"queue": "schedule", "expires": 60},
    },
    "expire-reservations": {
        "task": "apps.risk.tasks.sweep_reservations",
        "schedule": 15.0,
        "options": {"queue": "schedule", "expires": 15},
    },
    "tell-stale-accounts": {
        "task": "apps.risk.tasks.tell_stale_accounts",
        "schedule": 15.0,
        "options": {"queue": "schedule", "expires": 15},
    },
    "mark-silent-executors": {
        "task": "apps.executors.tasks.mark_silent",
        "schedule": 10.0,
        "options": {"queue": "schedule", "expires": 10},
    },
    "expire-commands": {
        "task": "apps.executors.tasks.expire_commands",
        "schedule": 10.0,
        "options": {"queue": "schedule", "expires": 10},
    },
    "thin-equity": {
        "task": "apps.accounts.tasks.thin_equity",
        "schedule": 3600.0,
        "options": {"queue": "schedule", "expires": 600},
    },
    "prune-bars": {
        "task": "apps.market.tasks.prune_bars",
        "schedule": 3600.0,
        "options": {"queue": "schedule", "expires": 600},
    },
    "requeue-imports": {
        "task": "apps.market.tasks.requeue_imports",
        "schedule": 60.0,
        "options": {"queue": "schedule", "expires": 60},
    },
    "prune-sessions": {
        "task": "apps.bots.tasks.prune_sessions",
        "schedule": 3600.0,
        "options": {"queue": "schedule", "expires": 600},
    },
    "archive-logs": {"task": "apps.risk.tasks.archive_logs", "schedule": 3600.0, "options": {"expires": 3600}},
    "look-for-what-ifs": {
        "task": "apps.risk.tasks.look_for_what_ifs",
        "schedule": 20.0,
        "options": {"queue": "schedule", "expires": 20},
    },
    "look-for-work": {
        "task": "apps.backtests.tasks.look_for_work",
        "schedule": 10.0,
        "options": {"queue": "schedule", "expires": 10},
    },
    "prune": {"task": "apps.common.tasks.prune", "schedule": 3600.0, "options": {"queue": "schedule", "expires": 600}},
}

AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Mikrobot"
# A browser on plain http://localhost may make passkeys; elsewhere it refuses without HTTPS anyway.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
USERSESSIONS_TRACK_ACTIVITY = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_EMAIL_VERIFICATION = env_text("EMAIL_VERIFICATION", "none")
# Where nobody verifies addresses, an unverified one may have a second factor all the same.
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION == "none"
EMAIL_BACKEND = env_text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")

SESSION_COOKIE_AGE = env_int("WEB_SESSION_TTL", 14 * 24 * 3600, minimum=60)
BOT_SESSION_TTL_S = env_int("SESSION_TTL", 3600, minimum=60, maximum=86400)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = env_bool("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
# The most bytes a request may bring, refused before they are read; views have limits of their own below these.
BODY_LIMIT = DATA_UPLOAD_MAX_MEMORY_SIZE
_DATASET_FILE = 129 * 1024 * 1024  # a file of 128 MB and the form around it
BODY_LIMITS = {"/api/v1/datasets": _DATASET_FILE, "/data/new": _DATASET_FILE}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"] if (ROOT / "static").exists() else []
STATIC_ROOT = DATA_DIR / "staticfiles"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA_DIR / "files")},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.teams.authentication.BearerKeyAuthentication",
        "apps.teams.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.teams.permissions.Scoped"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.teams.limits.TierLimit"],
    "DEFAULT_RENDERER_CLASSES": ["apps.common.wire_rest.WireJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.common.wire_rest.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.common.refusing.answer_error",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
    "DATETIME_FORMAT": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mikrobot",
    "DESCRIPTION": "Run MetaTrader 5 strategies on a fleet of executor agents; every trade is cleared first.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["apps.common.schema.leave_out_aliases"],
    "ENUM_NAME_OVERRIDES": {
        "DirectionEnum": ["BUY", "SELL"],
        "LimitModeEnum": ["ENFORCE", "SHADOW", "OFF"],
        "ConnectionLossEnum": "apps.accounts.models.ConnectionLossPolicy.choices",
    },
}

# A bearer token that begins so is looked up by this function `(token, at) -> Caller | None`, named by dotted string:
# bots live on a higher floor than keys.
BEARER_LOOKUPS = {"mks": "apps.bots.sessions.find_session_caller"}
PUSHER = {
    "APP_ID": env_text("PUSHER_APP_ID", ""),
    "KEY": env_text("PUSHER_KEY", ""),
    "SECRET": env_secret("PUSHER_SECRET", ""),
    "CLUSTER": env_text("PUSHER_CLUSTER", ""),
    "HOST": env_text("PUSHER_HOST", ""),
}
PUSHER_PORT = env_int("PUSHER_PORT", 443, minimum=1, maximum=65535)
PUSHER_TLS = env_bool("PUSHER_TLS", True)
PUSHER_SERVE = env_bool("PUSHER_SERVE", False)  # the platform is its own push service
if PUSHER_SERVE and not (PUSHER["APP_ID"] and PUSHER["KEY"] and PUSHER["SECRET"]):
    raise ConfigurationError("PUSHER_SERVE needs PUSHER_APP_ID, PUSHER_KEY and PUSHER_SECRET")
# What else is pushed for an event of this kind: a function of a higher floor, named by dotted string.
PUSHES = {"command.changed": "apps.executors.services.pushes.read_command_push"}
OBSERVER_FRESH_S = env_int("OBSERVER_FRESH_S", 15, minimum=1, maximum=120)
EXECUTOR_STALE_S = 15
EXECUTOR_OFFLINE_S = 60
# Who can prove what the decision log was: the private key's file, and where signed heads are told outside of the database.
ANCHOR_KEY_FILE = Path(env_text("ANCHOR_KEY_FILE", str(DATA_DIR / "keys" / "anchor.ed25519")))
ANCHOR_FILE = env_text("ANCHOR_FILE", "")
ANCHOR_EMAILS = env_list("ANCHOR_EMAILS")

LOG_LEVEL = env_text("LOG_LEVEL", "INFO").upper()
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_settings(level=LOG_LEVEL, log_file=env_text("LOG_FILE", ""))
SILENCED_SYSTEM_CHECKS: list[str] = []
TEST_RUNNER = "django.test.runner.DiscoverRunner"
