"""One POST to somebody else's server, which is not trusted: no redirects, no inner network."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from .rules import is_public

TIMEOUT_SECONDS = 10


class CannotSend(Exception):
    """It did not arrive; the message says why, in a few words for the log."""


def post(url: str, *, body: bytes, headers: Mapping[str, str], local: bool) -> None:
    """Send `body`; returns when the other side said 2xx, else raises CannotSend.

    local  whether addresses of this machine and its network are allowed (tests, laptops)

    The name is resolved once and the address checked before it is connected to, so a name that
    changes its address in between (DNS rebinding) does not reach the inner network either.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = _resolve(host, port, local=local)
        connection = _connect(parts.scheme, host, address, port)
    except (OSError, ValueError) as error:
        raise CannotSend(str(error) or type(error).__name__) from error
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body=body, headers={"Host": parts.netloc, **headers})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise CannotSend(str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise CannotSend(f"HTTP {status}")


def _resolve(host: str, port: int, *, local: bool) -> str:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(where[0]) for *_rest, where in found]
    for address in addresses:
        if local or is_public(address):
            return address
    raise CannotSend("the address is inside a private network")


def _connect(scheme: str, host: str, address: str, port: int) -> http.client.HTTPConnection:
    """A connection to exactly this address; TLS still checks the certificate against the name."""
    plain = socket.create_connection((address, port), timeout=TIMEOUT_SECONDS)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        is_tls = scheme == "https"
        connection.sock = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            if is_tls
            else plain
        )
    except BaseException:
        plain.close()
        raise
    return connection
