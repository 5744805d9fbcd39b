"""One running Asterisk: started, waited for, stopped, killed. Nothing outside its folder."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from . import configuration
from .settings import AsteriskSettings
from .tree import Programs

_NOT_YET = (urllib.error.HTTPError, OSError)  # 503 while it boots, refused before


class AsteriskDied(Exception):
    """It ended before it answered; the text is the end of its log."""


class Process:
    """Asterisk in the foreground, as a child of ours; many may run side by side."""

    def __init__(self, settings: AsteriskSettings, programs: Programs) -> None:
        self.settings = settings
        self._programs = programs
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout_seconds: float = 30) -> Self:
        """Write the configuration, start, and return when ARI answers (0.4 to 2 s).

        Raises AsteriskDied, TimeoutError.
        """
        main = configuration.write(self.settings, self._programs, local=addresses())
        self._end_leftover()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603
                [*self._programs.command(), "-f", "-C", str(main)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.settings.folder,
                env=os.environ | {"TZ": "UTC"},  # the journal's times
            )
        deadline = time.monotonic() + timeout_seconds
        while not is_ready(self.settings):
            if self._child.poll() is not None:
                raise AsteriskDied(self.log.read_text(errors="replace")[-1000:])
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"Asterisk did not answer within {timeout_seconds:g} s.")
            time.sleep(0.02)
        return self

    def _end_leftover(self) -> None:
        """An Asterisk of this folder whose keeper was killed holds the ports: it has to go."""
        file = self.settings.folder / "run" / "asterisk.pid"
        if not file.exists() or not (text := file.read_text().strip()).isdigit():
            return
        command = Path(f"/proc/{text}/cmdline")
        with contextlib.suppress(OSError):
            if str(self.settings.folder).encode() in command.read_bytes():
                os.kill(int(text), signal.SIGKILL)
        file.unlink(missing_ok=True)

    @property
    def log(self) -> Path:
        return self.settings.folder / "log" / "console.log"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    def stop(self, *, grace_seconds: float = 10) -> None:
        """Ask it to go: customers get a BYE, the journal is complete. Killed after the grace."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As kill -9: for tests, and for one that hangs."""
        if self._child is not None and self._child.poll() is None:
            os.kill(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def wait(self) -> int:
        """Until it ends; returns its exit status."""
        return self._child.wait() if self._child else 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


def is_ready(settings: AsteriskSettings) -> bool:
    """Whether ARI answers. The port opens earlier, and says 503 until all modules are there."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{settings.http}/ari/asterisk/info", headers={"Authorization": settings.authorization}
    )
    try:
        with urllib.request.urlopen(request, timeout=2):  # noqa: S310
            return True
    except _NOT_YET:
        return False


def addresses() -> tuple[str, ...]:
    """This machine's own IPv4 addresses, loopback aside."""
    try:
        told = subprocess.run(
            ["ip", "-4", "-o", "addr"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        return ()
    found = re.findall(r"inet (\d+\.\d+\.\d+\.\d+)", told)
    return tuple(each for each in found if not each.startswith("127."))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, *, host: str = "127.0.0.1") -> int:
    """A port nobody has now; somebody may take it before you do."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
