"""Which telephone system a first start uses."""

import socket
import threading
from pathlib import Path

import pytest

from furrow.config import asterisk, switch
from furrow.config.switch import Chooser, choice
from furrow.telephony.asterisk import tree
from furrow.telephony.asterisk.process import free_port

Environment = dict[str, str]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A machine where nothing hinders Asterisk, and none is there yet."""
    monkeypatch.setenv("FURROW_SWITCH_FOLDER", str(tmp_path / "switch"))
    monkeypatch.setattr(switch, "addresses", lambda: ("192.0.2.7",))
    monkeypatch.setattr(asterisk, "chosen_programs", lambda: None)
    return {
        "FURROW_ASTERISK_PORT": str(free_port()),
        "FURROW_AMI_PORT": str(free_port()),
        "FURROW_SIP_ADDRESS": f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
        "FURROW_TRUNKS": '[{"name": "provider", "address": "192.0.2.1:5060"}]',
    }


def test_what_somebody_names_is_used() -> None:
    assert choice({"FURROW_TELEPHONY": "asterisk"}).telephony == "asterisk"


def test_without_asterisk_calls_are_simulated_and_the_reason_is_told(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object, **__: object) -> None:
        raise tree.CannotInstall("Debian's keyring is missing.\nmore")

    monkeypatch.setattr(tree, "install", cannot)

    found = choice(environment)

    assert found.telephony == "simulated"
    assert found.told.endswith("(Debian's keyring is missing.).")


def test_a_port_in_use_is_named(environment: Environment) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = choice(environment | {"FURROW_ASTERISK_PORT": str(port)})

    assert found.telephony == "simulated"
    assert f"port {port}" in found.told


@pytest.mark.parametrize("problem", [RuntimeError("odd"), OSError("disk full")])
def test_nothing_that_goes_wrong_with_asterisk_stops_the_start(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(tree, "install", fails)

    assert Chooser(environment).choose().telephony == "simulated"


def test_a_slow_download_is_not_waited_for(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(tree, "install", lambda *_, **__: go_on.wait(60))

    found = Chooser(environment).choose(seconds=0.01)

    go_on.set()
    assert found.telephony == "simulated"
    assert "next start" in found.told


@pytest.mark.asterisk
@pytest.mark.slow
def test_a_switch_that_starts_is_used(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from furrow.telephony.tests.bench_asterisk import programs

    there = programs()
    monkeypatch.setattr(asterisk, "chosen_programs", lambda: there)

    found = choice(environment)

    assert found.telephony == "asterisk", found.told
    assert there.version in found.told
