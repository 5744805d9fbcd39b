"""A process dies in mid-call: nothing is lost, and nothing stays "in progress" for 30 seconds."""

import sys

import httpx2
import psycopg
import pytest

from tests.robustness.house import House, free_port

pytestmark = pytest.mark.slow
LIMIT_SECONDS = 30
JOB_SECONDS = 25
WAITING_FOR_LOCK = "SELECT count(*) FROM pg_locks WHERE NOT granted"
STAYS, TALKS = "0008", "0001"


def measured(what: str, seconds: float) -> None:
    sys.stdout.write(f"\n{what}: {seconds:.1f} s\n")


def assert_closed(house: House, call: int) -> None:
    row = house.ask(
        "SELECT json_build_object('outcome', c.outcome, 'permit', p.closed_at IS NOT NULL,"
        " 'presence', s.state, 'open', c.wrapped_at IS NULL)"
        " FROM calls_call c JOIN permits_permit p ON p.id = c.permit_id"
        " JOIN organisation_presence s ON s.user_id = c.agent_id WHERE c.id = %s",
        call,
    )
    assert row == {"outcome": "interrupted", "permit": True, "presence": "wrapup", "open": True}


def test_a_dialer_killed_in_mid_call_and_started_again_ends_the_call(house: House) -> None:
    dialer = house.start("dialer")
    house.until(house.is_beating, seconds=30)
    call = house.hand("call", STAYS)["call"]
    house.until(lambda: house.state_of(call) == "talking", seconds=20)

    dialer.kill()
    waiting = house.hand("call", TALKS)["call"]  # placed while nobody dials
    house.start("dialer")
    took = house.until(lambda: house.state_of(call) == "ended", seconds=LIMIT_SECONDS)

    measured("dialer killed and started again, call closed after", took)
    assert_closed(house, call)
    house.until(lambda: house.state_of(waiting) == "ended", seconds=60)
    query = "SELECT outcome FROM calls_call WHERE id = %s"
    assert house.ask(query, waiting) == "answered"


def test_a_dialer_killed_and_not_started_again_is_noticed_by_the_worker(house: House) -> None:
    dialer = house.start("dialer")
    house.start("worker")
    house.until(house.is_beating, seconds=30)
    call = house.hand("call", STAYS)["call"]
    house.until(lambda: house.state_of(call) == "talking", seconds=20)

    dialer.kill()
    took = house.until(lambda: house.state_of(call) == "ended", seconds=LIMIT_SECONDS)

    measured("dialer killed for good, call closed after", took)
    assert_closed(house, call)


def test_a_stopped_dialer_says_goodbye(house: House) -> None:
    dialer = house.start("dialer", "--drain=0.5")
    house.until(house.is_beating, seconds=30)
    call = house.hand("call", STAYS)["call"]
    house.until(lambda: house.state_of(call) == "talking", seconds=20)

    assert dialer.stop() == 0
    assert house.ask("SELECT outcome FROM calls_call WHERE id = %s", call) == "answered"


def test_a_killed_workers_job_is_done_by_another(house: House) -> None:
    first = house.start("worker")
    query = "SELECT status FROM procrastinate_jobs WHERE task_name = 'acquisition.delete_old_files'"
    with psycopg.connect(house.cluster.url(house.database)) as keeper:
        keeper.execute("LOCK TABLE acquisition_batch IN ACCESS EXCLUSIVE MODE")
        house.hand("job", "acquisition.delete_old_files")  # waits for the table
        house.until(lambda: house.ask(query) == "doing", seconds=20)
        first.kill()
    house.start("worker")
    took = house.until(lambda: house.ask(query) is None, seconds=JOB_SECONDS)

    measured("worker killed, its job done by another after", took)


def test_a_killed_workers_import_goes_on_and_doubles_nothing(house: House) -> None:
    house.start("worker", "--only=quick")
    first = house.start("worker", "--only=long")
    query = "SELECT state FROM acquisition_batch WHERE id = %s"
    with psycopg.connect(house.cluster.url(house.database)) as keeper:
        keeper.execute("LOCK TABLE pipeline_standing IN ACCESS EXCLUSIVE MODE")
        batch = house.hand("import_list", "3000")["batch"]  # stops short of its pipeline
        house.until(lambda: house.ask(WAITING_FOR_LOCK), seconds=60)
        first.kill()
    house.start("worker", "--only=long")
    took = house.until(lambda: house.ask(query, batch) == "done", seconds=JOB_SECONDS)

    measured("worker killed in mid-import, list done by another after", took)
    customers = "SELECT count(DISTINCT customer_id) FROM acquisition_lead WHERE batch_id = %s"
    assert house.ask(customers, batch) == 3000
    leads = "SELECT count(*) FROM acquisition_lead WHERE batch_id = %s"
    assert house.ask(leads, batch) == 3000
    assert house.ask("SELECT count(*) FROM acquisition_row WHERE batch_id = %s", batch) == 0
    numbers = "SELECT count(*) FROM customers_number WHERE e164 LIKE '+86166%%'"
    assert house.ask(numbers) == 3000


def test_postgresql_restarted_under_a_call_is_survived(house: House) -> None:
    dialer = house.start("dialer")
    house.until(house.is_beating, seconds=30)
    talking = house.hand("call", STAYS)["call"]
    house.until(lambda: house.state_of(talking) == "talking", seconds=20)
    ending = house.hand("call", TALKS)["call"]
    house.until(lambda: house.state_of(ending) == "talking", seconds=20)

    house.cluster.stop()
    house.cluster.start()
    restarted_at = house.ask("SELECT pg_postmaster_start_time()")
    beats = "SELECT count(*) FROM dialer_heartbeat WHERE beat_at > %s"
    took = house.until(lambda: house.ask(beats, restarted_at), seconds=LIMIT_SECONDS)
    measured("PostgreSQL restarted, dialer leads again after", took)

    house.until(lambda: house.state_of(ending) == "ended", seconds=60)
    query = "SELECT outcome FROM calls_call WHERE id = %s"
    assert house.ask(query, ending) == "answered"  # what the line said meanwhile is not lost
    assert house.state_of(talking) == "talking"
    again = house.hand("call", TALKS)["call"]
    house.until(lambda: house.state_of(again) == "ended", seconds=60)
    assert dialer.is_running


def test_web_killed_in_mid_call_leaves_the_call_and_comes_back(house: House) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    web = house.start("web", f"--port={port}")
    house.start("dialer")
    house.until(house.is_beating, seconds=30)
    who = house.hand("person")
    whom = house.hand("customer", TALKS, str(who["user"]))
    house.until(lambda: is_healthy(address), seconds=30)

    answer = httpx2.post(
        f"{address}/api/v1/calls/now",
        json={"number": whom["number"]},
        headers={"Authorization": f"Bearer {who['token']}"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    call = answer.json()["id"]
    web.kill()

    house.until(lambda: house.state_of(call) == "ended", seconds=60)
    query = "SELECT outcome FROM calls_call WHERE id = %s"
    assert house.ask(query, call) == "answered"
    house.start("web", f"--port={port}")
    took = house.until(lambda: is_healthy(address), seconds=LIMIT_SECONDS)
    measured("web killed and started again, answers after", took)
    told = httpx2.get(
        f"{address}/api/v1/calls/{call}",
        headers={"Authorization": f"Bearer {who['token']}"},
        timeout=60,
    )
    assert told.json()["outcome"] == "answered"


def is_healthy(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/healthz", timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False
