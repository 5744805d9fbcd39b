"""What differs from house to house. Everything else about Asterisk is the same everywhere."""

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from furrow.telephony.outcomes import LineOutcome

APP = "furrow"  # the name under which calls come to us
USER = "furrow"  # who we are to Asterisk


@dataclass(frozen=True)
class Trunk:
    """A line to the public network, at one SIP provider."""

    name: str  # letters, digits, hyphens
    address: str  # host:port
    username: str = ""  # empty: the provider knows us by our address
    password: str = field(default="", repr=False)
    channels: int = 0  # calls at once; 0 = no limit of ours
    prefix: str = ""  # what the provider wants before the number, in place of "+"
    overrides: Mapping[int, LineOutcome] = field(default_factory=dict)  # this provider's dialect


# Without a trunk, a provider of our own on this machine: see `telephony.sip_carrier`.
DEMO_TRUNK = Trunk("demo", "127.0.0.2:5070")


@dataclass(frozen=True)
class AsteriskSettings:
    """One Asterisk. Addresses are loopback unless phones of other machines must reach it."""

    folder: Path  # its configuration, state, journal and logs; everything writable is in here
    recordings: Path
    sounds: Path
    trunks: tuple[Trunk, ...] = ()
    sip_address: str = "127.0.0.1:5060"
    http_port: int = 8088  # ARI, AMI and the browsers' WebSocket
    http_address: str = "127.0.0.1"
    ami_port: int = 5038  # opened on loopback alone
    rtp: tuple[int, int] = (20000, 29999)
    media_address: str = "127.0.0.1"
    certificate: Path | None = None  # PEM with key: the WebSocket is wss, for other hosts
    tls_port: int = 8089
    calls_at_once: int = 2000
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    # Fixed phones, "name" -> SIP address: desk phones, and the agents of tests.
    phones: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], folder: Path) -> Self:
        """The switch that the variables describe: docs/reference/settings.md.

        folder: where everything it writes lies; its secret is kept there too, so that the
        dialer and the switch share it. Raises ValueError naming the variable.
        """
        certificate = environment.get("FURROW_PHONE_CERTIFICATE")
        return cls(
            folder=folder,
            recordings=Path(environment.get("FURROW_RECORDINGS") or folder / "recordings"),
            sounds=Path(environment.get("FURROW_SOUNDS") or folder / "sounds"),
            trunks=_trunks(environment.get("FURROW_TRUNKS", "")) or (DEMO_TRUNK,),
            sip_address=environment.get("FURROW_SIP_ADDRESS", "127.0.0.1:5060"),
            http_port=_whole(environment, "FURROW_ASTERISK_PORT", 8088),
            ami_port=_whole(environment, "FURROW_AMI_PORT", 5038),
            media_address=environment.get("FURROW_MEDIA_ADDRESS", "127.0.0.1"),
            rtp=_range(environment.get("FURROW_RTP_PORTS", "20000-29999")),
            certificate=Path(certificate) if certificate else None,
            secret=environment.get("FURROW_ASTERISK_SECRET") or _kept_secret(folder),
        )

    @property
    def is_made_up(self) -> bool:
        """Whether the provider is our own, on this machine: nobody real is called."""
        return self.trunks == (DEMO_TRUNK,)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def authorization(self) -> str:
        """The header that opens ARI."""
        return "Basic " + base64.b64encode(f"{USER}:{self.secret}".encode()).decode()

    @property
    def journal(self) -> Path:
        return self.folder / "log" / "cel-custom" / "journal.csv"


def _trunks(text: str) -> tuple[Trunk, ...]:
    """A JSON list with `Trunk`'s fields."""
    try:
        return tuple(
            Trunk(
                **{key: value for key, value in each.items() if key != "overrides"},
                overrides={
                    int(status): LineOutcome(outcome)
                    for status, outcome in each.get("overrides", {}).items()
                },
            )
            for each in json.loads(text or "[]")
        )
    except (ValueError, TypeError, AttributeError) as problem:
        raise ValueError(f"FURROW_TRUNKS: {problem}") from problem


def _whole(environment: Mapping[str, str], name: str, otherwise: int) -> int:
    try:
        return int(environment.get(name, otherwise))
    except ValueError:
        raise ValueError(f"{name} must be a whole number.") from None


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if not (low.isdigit() and high.isdigit() and int(low) < int(high) < 65536):
        raise ValueError("FURROW_RTP_PORTS must be two ports: 20000-29999.")
    return int(low), int(high)


def _kept_secret(folder: Path) -> str:
    """Made once, by whoever comes first, and readable by nobody else."""
    file = folder / "secret"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"secret.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(24))
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(fresh)
        fresh.unlink()
    return file.read_text().strip()
