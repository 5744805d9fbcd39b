"""Calling rules of places and trades, as data, each figure with its source and the day it was read.

Engineering notes, not legal advice: a figure whose source says "house" is ours, where no law we
know of names one. Adopting a pack stores a new version of its region's rules, like any change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
_WEEKDAYS = [0, 1, 2, 3, 4]
_READ = "read 2026-11-21"
_HOUSE = f"house figure, no statutory one known ({_READ})"


@dataclass(frozen=True)
class Pack:
    key: str
    region: str  # whose rules it replaces: "CN", "US-FL", "*"
    name: str | Promise
    body: Mapping[str, Any]


def _window(weekdays: list[int], opens: str, closes: str) -> dict[str, Any]:
    return {"weekdays": weekdays, "from": opens, "to": closes}


def _cap(most: int, minutes: int) -> dict[str, int]:
    return {"most": most, "minutes": minutes}


_DAY, _WEEK, _MONTH = 1440, 10080, 43200  # minutes

_CN_CAPS = (
    "carrier practice: 3 calls in 5 minutes and 5 in 24 hours to one number over all caller "
    f"numbers (Tencent Cloud CCC, product document 679/79155, {_READ}); hour, week and month: house"
)
_CN_CONSENT = (
    "MIIT, notice on managing call centres, 2020-06: outbound calls with consent, evidence kept "
    f"30 days ({_READ}); asked for here only where the list's legal basis is not recorded"
)
_CN = {
    "windows": [_window(_EVERY_DAY, "09:00", "20:00")],
    "on_holidays": False,
    "number_caps": [_cap(3, 5), _cap(3, 60), _cap(5, _DAY), _cap(12, _WEEK), _cap(30, _MONTH)],
    "customer_caps": [_cap(3, 60), _cap(5, _DAY), _cap(10, _WEEK), _cap(24, _MONTH)],
    "silence_after_refusal_days": 14,
    "consent_for": [],
    "source": "MIIT notice on call centres (2020-06): avoid rest hours; 13 departments' plan "
    f"against harassing calls (2018-07): no call after refusal ({_READ})",
    "sources": {
        "windows": "MIIT notice 2020-06 and the 2018-07 plan: no calls in rest hours, no clock "
        f"named; carriers 08:00-21:00 (Tencent Cloud CCC); 9 to 20: house ({_READ})",
        "on_holidays": _HOUSE,
        "number_caps": _CN_CAPS,
        "customer_caps": _HOUSE,
        "silence_after_refusal_days": "plan of 2018-07: no call after refusal; two weeks is the "
        f"rule E1 of the house, a request not to be called is kept for good ({_READ})",
        "consent_for": _CN_CONSENT,
    },
}


def _cn(**changes: Any) -> dict[str, Any]:
    sources = {**_CN["sources"], **changes.pop("sources", {})}  # type: ignore[dict-item]
    return {**_CN, **changes, "sources": sources}


_US = {
    "windows": [_window(_EVERY_DAY, "08:00", "21:00")],
    "on_holidays": True,
    "number_caps": [_cap(3, _DAY)],
    "customer_caps": [_cap(3, _DAY), _cap(8, _WEEK)],
    "silence_after_refusal_days": 30,
    "consent_for": [],
    "source": f"TCPA, 47 CFR 64.1200; FTC TSR, 16 CFR 310.4 ({_READ})",
    "sources": {
        "windows": f"47 CFR 64.1200(c)(1): 8 am to 9 pm at the called party's location ({_READ})",
        "on_holidays": f"no federal rule ({_READ})",
        "number_caps": f"house; as Florida's three in 24 hours ({_READ})",
        "customer_caps": _HOUSE,
        "silence_after_refusal_days": "16 CFR 310.4(b)(1)(iii): no call after a request to stop; "
        f"that is kept as a suppression; a plain no rests 30 days: house ({_READ})",
        "consent_for": "47 CFR 64.1200(a)(2): prior express written consent for automatic "
        f"dialling or artificial voices; set it for such campaigns ({_READ})",
    },
}


def _us(law: str, **changes: Any) -> dict[str, Any]:
    sources = {**_US["sources"]} | dict.fromkeys(changes, f"{law} ({_READ})")  # type: ignore[dict-item]
    return {**_US, **changes, "source": f"{law}; else federal ({_READ})", "sources": sources}


PACKS: tuple[Pack, ...] = (
    Pack("cn", "CN", _("China, general"), _cn()),
    Pack(
        "cn-insurance",
        "CN",
        _("China, insurance and finance"),
        _cn(
            windows=[_window(_EVERY_DAY, "09:00", "21:00")],
            silence_after_refusal_days=180,
            consent_for=["sales"],
            sources={
                "windows": "life insurance telemarketing rules of the insurance regulator, 2013: "
                f"no calls from 21:00 to 09:00 ({_READ})",
                "silence_after_refusal_days": "same: no call for at least six months after a "
                f"refusal ({_READ})",
                "consent_for": "Personal Information Protection Law, art. 28-29: financial data "
                f"asks for separate consent ({_READ})",
            },
        ),
    ),
    Pack(
        "cn-collection",
        "CN",
        _("China, collection of debts"),
        _cn(
            windows=[_window(_EVERY_DAY, "08:00", "22:00")],
            number_caps=[_cap(3, 5), _cap(3, _DAY)],
            customer_caps=[_cap(3, _DAY)],
            silence_after_refusal_days=0,
            sources={
                "windows": f"industry norm on collecting: none from 22:00 to 08:00 ({_READ})",
                "number_caps": "same: three connected calls a day, lender and agencies together; "
                f"here dialled calls, which is stricter ({_READ})",
                "customer_caps": f"same ({_READ})",
                "silence_after_refusal_days": f"collecting is no sale ({_READ})",
            },
        ),
    ),
    Pack(
        "cn-education",
        "CN",
        _("China, education and training"),
        _cn(
            windows=[_window(_EVERY_DAY, "09:00", "12:00"), _window(_EVERY_DAY, "14:00", "20:00")],
            number_caps=[_cap(2, 5), _cap(3, _DAY), _cap(6, _WEEK)],
            customer_caps=[_cap(3, _DAY), _cap(6, _WEEK)],
            silence_after_refusal_days=30,
            consent_for=["sales"],
            sources={
                "windows": f"the general pack without the noon rest: house ({_READ})",
                "number_caps": _HOUSE,
                "customer_caps": _HOUSE,
                "silence_after_refusal_days": _HOUSE,
                "consent_for": "Personal Information Protection Law, art. 31: data of children "
                f"under 14 asks for a parent's consent ({_READ})",
            },
        ),
    ),
    Pack(
        "cn-property",
        "CN",
        _("China, housing and renovation"),
        _cn(
            number_caps=[_cap(2, 5), _cap(2, _DAY), _cap(4, _WEEK)],
            customer_caps=[_cap(2, _DAY), _cap(4, _WEEK)],
            silence_after_refusal_days=90,
            consent_for=["sales"],
            sources={
                "number_caps": f"{_HOUSE}; the trade complained of most, hence stricter",
                "customer_caps": _HOUSE,
                "silence_after_refusal_days": _HOUSE,
            },
        ),
    ),
    Pack("us", "US", _("United States, federal"), _US),
    Pack(
        "us-fl",
        "US-FL",
        _("Florida"),
        _us(
            "Fla. Stat. 501.616(6)",
            windows=[_window(_EVERY_DAY, "08:00", "20:00")],
            number_caps=[_cap(3, _DAY)],
        ),
    ),
    Pack(
        "us-ok",
        "US-OK",
        _("Oklahoma"),
        _us(
            "Okla. Stat. tit. 15 775C.4",
            windows=[_window(_EVERY_DAY, "08:00", "20:00")],
            number_caps=[_cap(3, _DAY)],
        ),
    ),
    Pack(
        "us-md",
        "US-MD",
        _("Maryland"),
        _us(
            "Md. Com. Law 14-4504",
            windows=[_window(_EVERY_DAY, "08:00", "20:00")],
            number_caps=[_cap(3, _DAY)],
        ),
    ),
    Pack(
        "us-wa",
        "US-WA",
        _("Washington"),
        _us("RCW 80.36.390", windows=[_window(_EVERY_DAY, "08:00", "20:00")]),
    ),
    Pack(
        "us-tx",
        "US-TX",
        _("Texas"),
        _us(
            "Tex. Bus. & Com. Code 301.051",
            windows=[_window([0, 1, 2, 3, 4, 5], "09:00", "21:00"), _window([6], "12:00", "21:00")],
        ),
    ),
    Pack(
        "us-ct",
        "US-CT",
        _("Connecticut"),
        _us("Conn. Gen. Stat. 42-288a", windows=[_window(_EVERY_DAY, "09:00", "20:00")]),
    ),
    Pack(
        "us-al",
        "US-AL",
        _("Alabama"),
        _us(
            "Ala. Code 8-19A-14",
            windows=[_window([0, 1, 2, 3, 4, 5], "08:00", "20:00")],
            on_holidays=False,
        ),
    ),
    Pack(
        "us-la",
        "US-LA",
        _("Louisiana"),
        _us(
            "La. R.S. 45:844.31",
            windows=[_window([0, 1, 2, 3, 4, 5], "08:00", "20:00")],
            on_holidays=False,
        ),
    ),
    Pack(
        "gb",
        "GB",
        _("United Kingdom"),
        {
            "windows": [
                _window([0, 1, 2, 3, 4, 5], "08:00", "21:00"),
                _window([6], "09:00", "21:00"),
            ],
            "on_holidays": False,
            "number_caps": [_cap(1, 60), _cap(3, _DAY), _cap(8, _WEEK)],
            "customer_caps": [_cap(3, _DAY), _cap(8, _WEEK)],
            "silence_after_refusal_days": 28,
            "consent_for": [],
            "registers": [{"name": "TPS", "days": 28}, {"name": "CTPS", "days": 28}],
            "source": f"PECR 2003 reg. 19-21; Ofcom, persistent misuse, 2016-12-20 ({_READ})",
            "sources": {
                "windows": "no statutory hours; the marketing trade's own code: 8 to 21, Sundays "
                f"from 9 ({_READ})",
                "on_holidays": _HOUSE,
                "number_caps": "Ofcom 2016-12-20: repeated calls are misuse, no figure; after an "
                f"abandoned call none for 72 hours without an agent; figures: house ({_READ})",
                "customer_caps": _HOUSE,
                "silence_after_refusal_days": f"PECR reg. 21(1)(a); four weeks: house ({_READ})",
                "consent_for": "PECR reg. 21: live calls unless listed or objected; claims "
                f"management and pensions need consent ({_READ})",
                "registers": f"PECR reg. 21(3): a listing binds 28 days after it is made ({_READ})",
            },
        },
    ),
    Pack(
        "fr",
        "FR",
        _("France"),
        {
            "windows": [_window(_WEEKDAYS, "10:00", "13:00"), _window(_WEEKDAYS, "14:00", "20:00")],
            "on_holidays": False,
            "number_caps": [_cap(4, _MONTH)],
            "customer_caps": [_cap(4, _MONTH)],
            "silence_after_refusal_days": 60,
            "consent_for": ["sales"],
            "registers": [{"name": "Bloctel", "days": 30}],
            "source": f"Code de la consommation D.223-9, décret 2022-1313 of 2022-10-13 ({_READ})",
            "sources": {
                "windows": "décret 2022-1313, art. 1, in force 2023-03-01: Monday to Friday "
                f"10-13 and 14-20 ({_READ})",
                "on_holidays": f"same: not on public holidays ({_READ})",
                "number_caps": f"same: four solicitations in 30 days ({_READ})",
                "customer_caps": f"same ({_READ})",
                "silence_after_refusal_days": f"same: 60 days after a refusal ({_READ})",
                "consent_for": "loi 2025-594 of 2025-06-30: prior consent from 2026-08-11 "
                f"({_READ}; check before use)",
                "registers": f"L.223-1: Bloctel, monthly, until consent replaces it ({_READ})",
            },
        },
    ),
    Pack(
        "de",
        "DE",
        _("Germany"),
        {
            "windows": [_window(_WEEKDAYS, "09:00", "20:00"), _window([5], "10:00", "18:00")],
            "on_holidays": False,
            "number_caps": [_cap(2, _DAY), _cap(5, _WEEK)],
            "customer_caps": [_cap(2, _DAY), _cap(5, _WEEK)],
            "silence_after_refusal_days": 180,
            "consent_for": ["sales"],
            "source": f"UWG section 7(2) no. 1 and 7a ({_READ})",
            "sources": {
                "windows": f"no statutory hours; {_HOUSE}",
                "on_holidays": _HOUSE,
                "number_caps": _HOUSE,
                "customer_caps": _HOUSE,
                "silence_after_refusal_days": _HOUSE,
                "consent_for": "UWG section 7(2) no. 1: express prior consent of consumers; "
                f"section 7a: its proof is kept five years ({_READ})",
            },
        },
    ),
    Pack(
        "elsewhere",
        "*",
        _("Everywhere else"),
        {
            "windows": [_window([0, 1, 2, 3, 4, 5], "09:00", "20:00")],
            "on_holidays": False,
            "number_caps": [_cap(3, _DAY)],
            "customer_caps": [_cap(3, _DAY)],
            "silence_after_refusal_days": 30,
            "consent_for": [],
            "source": f"House rule for regions without a policy of their own ({_READ})",
            "sources": {},
        },
    ),
)
BY_KEY: Mapping[str, Pack] = {pack.key: pack for pack in PACKS}
# What a new company starts with: the first pack of each region.
DEFAULT_POLICIES: Mapping[str, Mapping[str, Any]] = {
    pack.region: {**pack.body, "pack": pack.key} for pack in reversed(PACKS)
}
