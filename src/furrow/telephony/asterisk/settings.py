"""What differs from house to house. Everything else about Asterisk is the same everywhere."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
