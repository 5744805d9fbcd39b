"""Asterisk's programs without root: the distribution's own packages, unpacked into a folder.

Debian 12 ships no Asterisk, Debian unstable ships version 22. A private apt configuration with an
empty list of installed packages makes apt resolve Asterisk's whole dependency set, the C library
included, so the result runs on any Linux of the same processor by its own loader. apt checks the
signatures of what it downloads with the distribution's keyring.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SUITE = "sid"
PACKAGES = ("asterisk", "asterisk-modules")
_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
)
_MARK = ".complete"
_LEAVE_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./dev")


class CannotInstall(Exception):
    """Asterisk cannot be had here; the text says what is missing and what to do."""


@dataclass(frozen=True)
class Programs:
    """An Asterisk that can be started: a tree of our own, or the system's."""

    root: Path | None  # None: the system's
    version: str

    @classmethod
    def unpacked(cls, folder: Path) -> Self | None:
        """The tree that `install` made in this folder; None when there is none, or half of one."""
        mark = folder / _MARK
        return cls(folder, mark.read_text(encoding="utf-8").strip()) if mark.exists() else None

    @classmethod
    def of_the_system(cls) -> Self | None:
        """What the distribution installed, if it is new enough to tell SIP statuses (22)."""
        if not (program := shutil.which("asterisk")):
            return None
        told = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        found = re.search(r"(\d+)\.\S+", told)
        return cls(None, found[0]) if found and int(found[1]) >= 22 else None

    @property
    def usr(self) -> Path:
        return self.root / "usr" if self.root else Path("/usr")

    @property
    def libraries(self) -> Path:
        return self.usr / "lib" / _triplet()

    @property
    def modules(self) -> Path:
        return self.libraries / "asterisk" / "modules"

    def command(self) -> list[str]:
        """How to start it; a tree of our own runs by its own loader, with its own libraries."""
        if self.root is None:
            return ["asterisk"]
        path = f"{self.libraries}:{self.libraries / 'asterisk'}"
        loader = self.usr / "lib64" / "ld-linux-x86-64.so.2"
        if os.uname().machine == "aarch64":
            loader = self.usr / "lib" / "ld-linux-aarch64.so.1"
        return [str(loader), "--library-path", path, str(self.usr / "sbin" / "asterisk")]

    def verify(self) -> None:
        """Start the program far enough to say its version. Raises CannotInstall."""
        told = subprocess.run(  # noqa: S603
            [*self.command(), "-V"], capture_output=True, text=True, check=False, timeout=30
        )
        if "Asterisk" not in told.stdout:
            raise CannotInstall(f"Asterisk does not start: {told.stderr.strip()[-300:]}")


def install(folder: Path, *, say: Callable[[str], None] = print) -> Programs:
    """Unpack Asterisk into `folder`; a folder that has one already is left alone.

    About 160 packages, 240 MB unpacked, 10 to 30 seconds. Works as any user on Debian and its
    kin; a run that was cut off leaves no half tree behind. Raises CannotInstall.
    """
    if there := Programs.unpacked(folder):
        return there
    for program in ("apt-get", "dpkg-deb", "tar"):
        if not shutil.which(program):
            raise CannotInstall(
                f"{program} is not on this machine. Install Asterisk 22 from your distribution"
                " instead; Furrow uses the system's when it finds no tree of its own."
            )
    work = folder.with_name(folder.name + ".work")
    made = folder.with_name(folder.name + ".new")
    for each in (work, made):
        shutil.rmtree(each, ignore_errors=True)
    try:
        say("Downloading Asterisk's packages …")
        archives = _download(work)
        say(f"Unpacking {len(archives)} packages …")
        version = _unpack(archives, made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        for each in (work, made):
            shutil.rmtree(each, ignore_errors=True)
    programs = Programs(folder, version)
    programs.verify()
    (folder / _MARK).write_text(version, encoding="utf-8")
    return programs


def _download(work: Path) -> list[Path]:
    """Fetch the packages by a private apt; returns the archives."""
    keyring = next((each for each in _KEYRINGS if each.exists()), None)
    if keyring is None:
        raise CannotInstall("Debian's keyring is missing: install debian-archive-keyring.")
    for each in ("lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/conf.d"):
        (work / each).mkdir(parents=True)
    (work / "status").touch()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
    if machine is None:
        raise CannotInstall(f"No Asterisk for {os.uname().machine} is known to us.")
    source = f"deb [arch={machine} signed-by={keyring}] {_mirror()} {SUITE} main\n"
    (work / "sources.list").write_text(source, encoding="utf-8")
    settings = {
        "Dir::Etc": work / "etc",
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::main": "-",
        "Dir::Etc::parts": work / "etc/conf.d",
        "Dir::State": work,
        "Dir::State::lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Log": work,
        "APT::Architecture": machine,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
        # A mirror frozen at a date calls itself expired; signatures are checked all the same.
        "Acquire::Check-Valid-Until": "false",
    }
    lines = (f'{name} "{value}";\n' for name, value in settings.items())
    (work / "apt.conf").write_text("".join(lines), encoding="utf-8")
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "-y", "--download-only", "install", *PACKAGES],
    ):
        done = subprocess.run(  # noqa: S603
            command,
            env=os.environ | {"APT_CONFIG": str(work / "apt.conf")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotInstall(
                "The distribution's packages cannot be reached:\n" + done.stderr.strip()[-600:]
            )
    return sorted((work / "cache/archives").glob("*.deb"))


def _mirror() -> str:
    """The address this machine already takes its own packages from."""
    folder = Path("/etc/apt")
    listed = [*folder.glob("sources.list.d/*.sources"), *folder.glob("sources.list.d/*.list")]
    for each in [*listed, folder / "sources.list"]:
        text = each.read_text(encoding="utf-8") if each.exists() else ""
        if found := re.search(r"^(?:URIs:|deb(?:\s+\[[^]]*\])?)\s+(https?://\S+)", text, re.M):
            return found[1]
    raise CannotInstall("apt knows no mirror on this machine: /etc/apt holds no address.")


def _unpack(archives: list[Path], folder: Path) -> str:
    """Unpack every archive; returns Asterisk's version. /bin, /lib … are links into /usr."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / "usr" / name).mkdir(parents=True)
        (folder / name).symlink_to(f"usr/{name}")
    for archive in archives:
        with subprocess.Popen(  # noqa: S603
            ["dpkg-deb", "--fsys-tarfile", archive],  # noqa: S607
            stdout=subprocess.PIPE,
        ) as unpacking:
            leave_out = [f"--exclude={each}" for each in _LEAVE_OUT]
            subprocess.run(  # noqa: S603
                ["tar", "-x", "-C", folder, "--keep-directory-symlink", *leave_out],  # noqa: S607
                stdin=unpacking.stdout,
                check=True,
            )
    asterisk = next(each for each in archives if each.name.startswith("asterisk_"))
    told = subprocess.run(  # noqa: S603
        ["dpkg-deb", "-f", asterisk, "Version"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


def fingerprint(folder: Path) -> str:
    """SHA-256 over the program and its modules: the same tree, the same fingerprint. 0.2 s."""
    programs = Programs.unpacked(folder)
    if programs is None:
        raise CannotInstall(f"There is no Asterisk in {folder}.")
    digest = hashlib.sha256()
    for file in [programs.usr / "sbin" / "asterisk", *sorted(programs.modules.glob("*.so"))]:
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _triplet() -> str:
    return f"{os.uname().machine}-linux-gnu"
