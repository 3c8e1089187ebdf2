"""What the order service must be told from outside. It refuses to start when something is missing."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_SIGNING_KEYS = 2
MAX_KEY_ID = 255  # a code has one byte for it


class SettingsError(Exception):
    """A setting is missing or cannot be read; the text is one sentence for the person who starts the program."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The authority that signed the broker's certificate, and the service's own certificate and key."""

    ca: Path
    cert: Path | None
    key: Path | None


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """Whose money it is, and the shop's page where people pay. `api_url` only where it is not Stripe's own."""

    secret_key: str
    webhook_secret: str
    pay_url: str
    api_url: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """One reading of the environment."""

    database_url: str
    uplink_url: str
    shard: str
    secret_key: str
    signing_keys: Mapping[int, Ed25519PrivateKey]
    signing_key_id: int
    public_url: str
    sandbox_secret: str
    smtp_url: str | None
    clock_file: Path | None
    demo: bool
    locker_pages: Mapping[str, str]
    metrics_port: int | None
    uplink_tls: TlsFiles | None = None
    sandbox_faults: str = ""
    stripe: StripeAccount | None = None
    sms_file: Path | None = None  # `notify.sms_provider` reads it
    sms_secret: str = ""

    @property
    def webhooks_inside(self) -> bool:
        """Whether other programs may be told inside our own network, and by plain http: in a demo only."""
        return self.demo

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """The key that signs now."""
        return self.signing_keys[self.signing_key_id]


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError with a sentence."""
    keys = read_signing_keys(required(environment, "CAIBOX_SIGNING_KEYS"))
    clock_file = environment.get("CAIBOX_CLOCK_FILE")
    demo = environment.get("CAIBOX_DEMO") == "1"
    if clock_file and not demo:
        raise SettingsError("CAIBOX_CLOCK_FILE bends time and is for a demo stack only (CAIBOX_DEMO=1).")
    if environment.get("CAIBOX_SANDBOX_FAULTS") and not demo:
        raise SettingsError("CAIBOX_SANDBOX_FAULTS lets payments fail and is for a demo stack only (CAIBOX_DEMO=1).")
    metrics_port = environment.get("CAIBOX_METRICS_PORT")
    return Settings(
        database_url=required(environment, "DATABASE_URL"),
        uplink_url=_uplink_url(environment),
        shard=environment.get("CAIBOX_SHARD", "s0"),
        secret_key=required(environment, "CAIBOX_SECRET_KEY"),
        signing_keys=keys,
        signing_key_id=next(iter(keys)),
        public_url=environment.get("CAIBOX_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
        sandbox_secret=_sandbox_secret(environment),
        smtp_url=environment.get("CAIBOX_SMTP_URL") or None,
        clock_file=Path(clock_file) if clock_file else None,
        demo=demo,
        locker_pages=json.loads(environment.get("CAIBOX_LOCKER_PAGES", "{}")),
        metrics_port=int(metrics_port) if metrics_port else None,
        uplink_tls=_uplink_tls(environment),
        sandbox_faults=environment.get("CAIBOX_SANDBOX_FAULTS", ""),
        stripe=_stripe(environment),
        sms_file=_sms_file(environment),
        sms_secret=environment.get("CAIBOX_SMS_SECRET", ""),
    )


def _pays_by_stripe(environment: Mapping[str, str]) -> bool:
    provider = environment.get("CAIBOX_PAYMENT_PROVIDER", "sandbox")
    if provider not in ("sandbox", "stripe"):
        raise SettingsError("CAIBOX_PAYMENT_PROVIDER is sandbox or stripe.")
    return provider == "stripe"


def _sandbox_secret(environment: Mapping[str, str]) -> str:
    if _pays_by_stripe(environment):
        return environment.get("CAIBOX_SANDBOX_SECRET", "")
    return required(environment, "CAIBOX_SANDBOX_SECRET")


def _stripe(environment: Mapping[str, str]) -> StripeAccount | None:
    if not _pays_by_stripe(environment):
        return None
    if environment.get("CAIBOX_CLOCK_FILE"):
        raise SettingsError(
            "Stripe's time cannot be bent: leave CAIBOX_CLOCK_FILE or CAIBOX_PAYMENT_PROVIDER=stripe out."
        )
    pay_url = required(environment, "CAIBOX_STRIPE_PAY_URL")
    if urlsplit(pay_url).scheme not in ("http", "https"):
        raise SettingsError("CAIBOX_STRIPE_PAY_URL must be the address of the shop's page where people pay.")
    return StripeAccount(
        secret_key=required(environment, "CAIBOX_STRIPE_SECRET_KEY"),
        webhook_secret=required(environment, "CAIBOX_STRIPE_WEBHOOK_SECRET"),
        pay_url=pay_url,
        api_url=environment.get("CAIBOX_STRIPE_API_URL") or None,
    )


def _sms_file(environment: Mapping[str, str]) -> Path | None:
    name = environment.get("CAIBOX_SMS_FILE")
    return Path(name) if name else None


def _uplink_url(environment: Mapping[str, str]) -> str:
    """Check the address's shape; a password may stand in it, so the sentence does not repeat it."""
    url = required(environment, "CAIBOX_UPLINK_URL")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingsError("CAIBOX_UPLINK_URL must read mqtt://user:password@host:port, or mqtts://.")
    return url


def _uplink_tls(environment: Mapping[str, str]) -> TlsFiles | None:
    ca, cert, key = (environment.get(name) for name in ("CAIBOX_TLS_CA", "CAIBOX_TLS_CERT", "CAIBOX_TLS_KEY"))
    if bool(cert) != bool(key) or (cert and not ca):
        raise SettingsError("CAIBOX_TLS_CERT, CAIBOX_TLS_KEY and CAIBOX_TLS_CA belong together.")
    if not ca and urlsplit(environment["CAIBOX_UPLINK_URL"]).scheme == "mqtts":
        raise SettingsError("An mqtts address needs CAIBOX_TLS_CA, the file of the authority to trust.")
    return TlsFiles(Path(ca), Path(cert) if cert else None, Path(key) if key else None) if ca else None


def read_signing_keys(text: str) -> dict[int, Ed25519PrivateKey]:
    """Read `1:<base64 of 32 bytes>[,2:…]`; the first signs. Raises SettingsError."""
    keys: dict[int, Ed25519PrivateKey] = {}
    parts = text.split(",")
    for part in parts:
        number, _, seed = part.partition(":")
        try:
            keys[int(number)] = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed, validate=True))
        except (ValueError, binascii.Error) as error:
            raise SettingsError("CAIBOX_SIGNING_KEYS must read 1:<base64 of 32 bytes>[,2:…].") from error
    if len(keys) < len(parts) or len(keys) > MAX_SIGNING_KEYS or not all(1 <= key <= MAX_KEY_ID for key in keys):
        raise SettingsError("CAIBOX_SIGNING_KEYS holds one key or two, with different numbers from 1 to 255.")
    return keys


def required(environment: Mapping[str, str], name: str) -> str:
    """Read one setting. Raises SettingsError when it is missing or empty."""
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set.")
    return value
