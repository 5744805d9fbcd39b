from datetime import UTC, datetime, timedelta

import pytest

from furrow.webhooks.rules import (
    MOST_ATTEMPTS,
    CannotTell,
    check_url,
    is_public,
    next_attempt,
    signature,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_waits_grow_and_end_after_about_a_day() -> None:
    at, waits = NOON, []
    attempts = 1
    while (due := next_attempt(attempts=attempts, last_at=at)) is not None:
        waits.append(due - at)
        at, attempts = due, attempts + 1

    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=25)
    assert attempts == MOST_ATTEMPTS
    assert timedelta(hours=22) < at - NOON < timedelta(hours=24)


def test_the_signature_is_of_timestamp_and_body() -> None:
    one = signature(secret="s", timestamp="1", body=b"{}")

    # printf '1.{}' | openssl dgst -sha256 -hmac s
    assert one == ("sha256=b253639bcd705ed1cda3073f66104f16988bd40272584dea7d0d345ae93e61cc")
    assert one != signature(secret="s", timestamp="2", body=b"{}")
    assert one != signature(secret="s", timestamp="1", body=b"[]")
    assert one != signature(secret="t", timestamp="1", body=b"{}")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # clouds keep their secrets there
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_what_is_out_in_the_world(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com/", "javascript:x"])
def test_only_https_unless_local(url: str) -> None:
    with pytest.raises(CannotTell):
        check_url(url, local=False)


def test_https_and_local_http_are_fine() -> None:
    check_url("https://example.com/", local=False)
    check_url("http://127.0.0.1:8080/", local=True)
