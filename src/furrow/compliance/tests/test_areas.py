import pytest

from furrow.compliance.areas import area_of, zones_of_address


@pytest.mark.parametrize(
    ("e164", "region", "area"),
    [
        ("+13055550123", "US", "US-FL"),
        ("+12125550123", "US", "US"),
        ("+8613800138000", "CN", "CN"),
        ("+14165550123", "CA", "CA"),
    ],
)
def test_a_number_follows_the_rules_of_its_state(e164: str, region: str, area: str) -> None:
    assert area_of(e164, region) == area


@pytest.mark.parametrize(
    ("address", "zones"),
    [
        ("12 Ocean Drive, Miami, FL 33139", ("America/New_York", "America/Chicago")),
        ("1 Main St, Seattle, WA 98101-1234", ("America/Los_Angeles",)),
        ("北京市朝阳区建国路1号", ("Asia/Shanghai",)),
        ("10 rue de la Paix, Paris", ()),
        ("", ()),
    ],
)
def test_an_address_says_its_clocks(address: str, zones: tuple[str, ...]) -> None:
    assert zones_of_address(address) == zones
