"""Settings: complete and readable, or one sentence."""

import base64
from pathlib import Path

import pytest

from locker_gateway.settings import BrokerAddress, SettingsError, TlsFiles, settings_from
from tests.gateway.manifests import SERVICE

PUBLIC = base64.b64encode(SERVICE.public_key().public_bytes_raw()).decode()
SEED = base64.b64encode(b"g" * 32).decode()
COMPLETE = {
    "GATEWAY_ID": "osmanthus",
    "GATEWAY_SITE_NO": "7",
    "GATEWAY_SHARD": "s0",
    "GATEWAY_DATA": "/tmp/gateway",
    "GATEWAY_UPLINK_URL": "mqtt://gw:p%40ss@broker.example:1884",
    "GATEWAY_BUS_URL": "mqtt://127.0.0.1",
    "GATEWAY_SERVICE_KEYS": f"1:{PUBLIC},2:{PUBLIC}",
    "GATEWAY_PRIVATE_KEY": SEED,
    "GATEWAY_CONTROLLERS": "G1,G2",
}


def test_complete_settings_are_read() -> None:
    settings = settings_from(COMPLETE)
    assert settings.gateway == "osmanthus"
    assert settings.site_no == 7
    assert settings.data == Path("/tmp/gateway")
    assert settings.uplink == BrokerAddress("broker.example", 1884, "gw", "p@ss", tls=False)
    assert settings.bus == BrokerAddress("127.0.0.1", 1883, None, None, tls=False)
    assert set(settings.service_keys) == {1, 2}
    assert settings.controllers == ("G1", "G2")
    assert settings.metrics_port is None


def test_tls_and_metrics_are_read() -> None:
    more = {
        "GATEWAY_UPLINK_URL": "mqtts://broker.example",
        "GATEWAY_TLS_CA": "ca.crt",
        "GATEWAY_TLS_CERT": "gw.crt",
        "GATEWAY_TLS_KEY": "gw.key",
        "GATEWAY_METRICS_PORT": "9300",
    }
    settings = settings_from(COMPLETE | more)
    assert settings.uplink == BrokerAddress("broker.example", 8883, None, None, tls=True)
    assert settings.tls == TlsFiles(Path("ca.crt"), Path("gw.crt"), Path("gw.key"))
    assert settings.metrics_port == 9300


@pytest.mark.parametrize(("text", "megabytes"), [("", 1_024), ("1", 1), ("64", 64)])
def test_the_stores_size_is_read_or_a_gigabyte(text: str, megabytes: int) -> None:
    assert settings_from({**COMPLETE, "GATEWAY_STORE_MB": text}).store_mb == megabytes


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1000001"])
def test_a_size_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^GATEWAY_STORE_MB must be "):
        settings_from({**COMPLETE, "GATEWAY_STORE_MB": text})


@pytest.mark.parametrize("name", list(COMPLETE))
def test_each_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is not set.$"):
        settings_from({**COMPLETE, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_ID", "a/b"),
        ("GATEWAY_SITE_NO", "seven"),
        ("GATEWAY_SITE_NO", "-1"),
        ("GATEWAY_UPLINK_URL", "http://broker"),
        ("GATEWAY_UPLINK_URL", "mqtt://"),
        ("GATEWAY_UPLINK_URL", "mqtt://broker:port"),
        ("GATEWAY_UPLINK_URL", "mqtts://broker"),
        ("GATEWAY_SERVICE_KEYS", "1:short"),
        ("GATEWAY_SERVICE_KEYS", PUBLIC),
        ("GATEWAY_PRIVATE_KEY", "short"),
        ("GATEWAY_CONTROLLERS", "G1,,G2"),
        ("GATEWAY_CONTROLLERS", "G1,G1"),
        ("GATEWAY_METRICS_PORT", "many"),
        ("GATEWAY_TLS_CERT", "gw.crt"),
    ],
)
def test_each_wrong_setting_is_one_sentence(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"^[^\n]+\.$"):
        settings_from({**COMPLETE, name: value})
