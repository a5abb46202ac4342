"""Settings of the whole system. What differs between sites comes from the environment (docs/reference/settings.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg.conninfo
from csp.constants import NONE, SELF

from careline.app import logs
from careline.base.keys import read_fallbacks

PACKAGE = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def database(url: str) -> dict[str, object]:
    """Django's form of a libpq URL; whatever libpq knows beyond the common five is handed on."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "careline"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"prepare_threshold": 3, **parts},  # base/prepared.py; every other query travels as it is
    }


DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql:///careline")
DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The supervisor makes one and keeps it beside the data; without it only commands that need no sessions run.
SECRET_KEY = os.environ.get("CARELINE_SECRET_KEY", "only-for-building-and-checking")
SECRET_KEY_FALLBACKS = read_fallbacks(os.environ.get("CARELINE_SECRET_KEY_FALLBACKS", ""))
DEBUG = False
DEMO = flag("CARELINE_DEMO")
PORT = int(os.environ.get("PORT", "8000"))
TLS = flag("CARELINE_TLS")
ALLOWED_HOSTS = os.environ.get("CARELINE_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("CARELINE_ORIGINS", "").split(",") if o]
RELAY: dict[str, Any] = {  # how browsers meet that cannot reach each other directly: faces/live/ice.py
    "stun": tuple(os.environ.get("CARELINE_STUN", "").split()),
    "turn": tuple(os.environ.get("CARELINE_TURN", "").split()),
    "secret": os.environ.get("CARELINE_TURN_SECRET", ""),
    "only": flag("CARELINE_RELAY_ONLY"),
}
LIVE_URL = os.environ.get("CARELINE_LIVE_URL", "http://127.0.0.1:8002")  # where web pokes the live process
FILES_DIR = Path(os.environ.get("CARELINE_FILES", "/nonexistent"))
POLICY_DIR = os.environ.get("CARELINE_POLICIES", "")  # folder of <network code>.toml: what a site makes stricter

INSTALLED_APPS = [
    "careline.base.accounts.admin_config.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "rules.apps.AutodiscoverRulesConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "procrastinate.contrib.django",
    "careline.base.organisations",
    "careline.base.accounts",
    "careline.base.audit",
    "careline.base.outbox",
    "careline.care.directory",
    "careline.care.patients",
    "careline.care.contacts",
    "careline.switchboard",
    "careline.oversight.insight",
    "careline.faces.desk",
    "careline.faces.boards",
    "careline.faces.portal",
    "careline.faces.hall",
]

MIDDLEWARE = [
    "careline.app.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "careline.base.accounts.middleware.WorkMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "careline.base.errors.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "careline.app.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "faces" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
WSGI_APPLICATION = "careline.app.wsgi.application"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "careline.base.accounts.backends.AccountBackend",
]
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",  # one count for all processes, and no other server
        "LOCATION": "careline_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
CSRF_FAILURE_VIEW = "careline.base.errors.pages.csrf_failed"

ACCOUNT_ADAPTER = "careline.base.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # a shift, as SESSION_COOKIE_AGE says; nobody is asked
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# A whole contact centre comes from one address and signs in at eight: names are guarded closely, addresses loosely.
ACCOUNT_RATE_LIMITS = {"login": "600/m/ip", "login_failed": "100/m/ip,5/5m/key"}
ACCOUNT_FORMS = {
    "login": "careline.base.accounts.forms.LoginForm",
    "change_password": "careline.base.accounts.forms.ChangePasswordForm",
    "reauthenticate": "careline.base.accounts.forms.ReauthenticateForm",
}
ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the front; the web process itself listens on the loopback only
MFA_ADAPTER = "careline.base.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": "600/m/ip"}
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "authenticate": "careline.base.accounts.forms.CodeForm",
    "reauthenticate": "careline.base.accounts.forms.CodeAgainForm",
    "activate_totp": "careline.base.accounts.forms.ActivateTOTPForm",
    "add_webauthn": "careline.base.accounts.forms.AddWebAuthnForm",
    "edit_webauthn": "careline.base.accounts.forms.EditWebAuthnForm",
}
SPEAK_BROWSER = os.environ.get("CARELINE_SPEAK") == "browser"  # else each person their own language
SECOND_FACTOR = os.environ.get("CARELINE_SECOND_FACTOR", "off" if DEMO else "administrators")
SOCIALACCOUNT_ADAPTER = "careline.base.accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
OIDC_URL = os.environ.get("CARELINE_OIDC_URL", "")
OIDC_PAGE = os.environ.get("CARELINE_OIDC_PAGE", OIDC_URL)  # where people sign in, when that is another host
OIDC_USERNAME_CLAIM = os.environ.get("CARELINE_OIDC_USERNAME_CLAIM", "preferred_username")
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, object]] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "SCOPE": ["openid", "profile"],
        "APPS": [
            {
                "provider_id": "house",
                "name": os.environ.get("CARELINE_OIDC_NAME", "OpenID"),
                "client_id": os.environ.get("CARELINE_OIDC_CLIENT", "careline"),
                "secret": os.environ.get("CARELINE_OIDC_SECRET", ""),
                "settings": {"server_url": OIDC_URL},
            }
        ]
        if OIDC_URL
        else [],
    }
}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "door:home"

LANGUAGE_CODE = "en"
LANGUAGES = [("uk", "Українська"), ("ru", "Русский"), ("pl", "Polski"), ("zh-hans", "中文"), ("en", "English")]
FORMAT_MODULE_PATH = ["careline.app.formats"]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [PACKAGE / "faces" / "static"]
STATIC_ROOT = os.environ.get("CARELINE_STATIC", str(PACKAGE / "static_collected"))
WHITENOISE_USE_FINDERS = "CARELINE_STATIC" not in os.environ
WHITENOISE_AUTOREFRESH = False

# Under the supervisor files carry their content in their names, and browsers keep them for good.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        if "CARELINE_STATIC" in os.environ
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

SESSION_ENGINE = "careline.base.accounts.session_store"
SESSION_COOKIE_AGE = 12 * 3600  # a shift
SESSION_IDLE_S = 60 * int(
    os.environ.get("CARELINE_IDLE_MINUTES", "15")
)  # untouched for so long: locked (base.accounts)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = TLS
CSRF_COOKIE_SECURE = TLS
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = TLS
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 0  # said by Caddy for web and live alike (CARELINE_HSTS_S); HTTP is sent on by it too
SECURE_SSL_REDIRECT = False
# web listens on this machine only, and Caddy in front of it says who asks and how.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        # Signing in through the house's identity provider posts here and is sent there.
        "form-action": [SELF, *(f"{page.scheme}://{page.netloc}" for page in [urlsplit(OIDC_PAGE)] if OIDC_PAGE)],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

logs.configure()
LOGGING = logs.configuration()
