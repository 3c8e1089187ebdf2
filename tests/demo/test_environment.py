"""Each program is told what it needs, and no secret of another."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from app.demo.environment import app_environment, locker_pages
from app.demo.plan import Plan, gateway_commands, locker_command, make_plan, schema_commands, service_commands
from app.demo.sites import load_sites
from app.settings import SettingsError, settings_from
from locker_gateway.settings import settings_from as gateway_settings_from


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path, load_sites(), web_port=None, uplink_broker="nats", bus_broker="nats")


def told(plan: Plan) -> dict[str, Mapping[str, str]]:
    commands = [locker_command(plan), *gateway_commands(plan), *schema_commands(plan), *service_commands(plan)]
    return {command.name: command.env for command in commands}


@pytest.mark.parametrize("program", ["upgrade", "seed", "worker", "web"])
def test_the_order_service_starts_on_what_it_is_told(program: str, plan: Plan) -> None:
    settings = settings_from(told(plan)[program])
    assert settings.demo
    assert settings.clock_file == plan.clock_file


@pytest.mark.parametrize("gateway", ["osmanthus", "sunny"])
def test_a_gateway_starts_on_what_it_is_told(gateway: str, plan: Plan) -> None:
    settings = gateway_settings_from(told(plan)[f"gateway-{gateway}"])
    assert settings.gateway == gateway


def test_gateways_know_neither_the_services_secrets_nor_each_others(plan: Plan) -> None:
    secrets = plan.secrets
    for gateway, other in (("osmanthus", "sunny"), ("sunny", "osmanthus")):
        text = "\n".join(told(plan)[f"gateway-{gateway}"].values())
        for secret in (
            secrets.signing_key,
            secrets.secret_key,
            secrets.database_password,
            secrets.gateway_keys[other],
            secrets.mqtt_passwords[other],
            secrets.mqtt_passwords["service"],
        ):
            assert secret not in text


def test_no_program_inherits_what_stands_in_the_callers_shell(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody-elses")
    monkeypatch.setenv("CAIBOX_SMTP_URL", "smtp://real-people")
    for env in told(plan).values():
        assert "somebody-elses" not in env.get("DATABASE_URL", "")
        assert "CAIBOX_SMTP_URL" not in env


def test_every_locker_has_a_page(plan: Plan) -> None:
    pages = locker_pages(plan.sites, plan.addresses)
    assert sorted(pages) == ["G1", "G2", "Y1"]
    assert pages["G1"] == f"http://127.0.0.1:{plan.addresses.lockers}/G1"


def test_the_demos_payments_fail_as_the_caller_says_and_no_others_do(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAIBOX_SANDBOX_FAULTS", "lost=0.2")
    told_all = partial(
        app_environment,
        plan.secrets,
        database_url="postgresql://here",
        uplink_url="mqtt://a:b@here",
        public_url="http://here",
    )
    in_a_demo, elsewhere = told_all(clock_file=tmp_path / "clock"), told_all()
    assert in_a_demo["CAIBOX_SANDBOX_FAULTS"] == "lost=0.2"
    assert "CAIBOX_SANDBOX_FAULTS" not in elsewhere
    assert settings_from(in_a_demo).sandbox_faults == "lost=0.2"
    with pytest.raises(SettingsError, match="for a demo stack only"):
        settings_from({**elsewhere, "CAIBOX_SANDBOX_FAULTS": "lost=0.2"})


def test_the_lockers_follow_the_callers_fault_file(plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "SIM_FAULTS" not in told(plan)["lockers"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIM_FAULTS", "faults.toml")
    assert told(plan)["lockers"]["SIM_FAULTS"] == str(tmp_path / "faults.toml")
