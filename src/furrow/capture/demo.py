"""A made-up shop to try the snippet in. Served only where a site with the demo's key collects,
which is made with the demo company and nowhere else."""

from django.template.loader import render_to_string
from django.utils.translation import get_supported_language_variant, override
from django.utils.translation.trans_real import parse_accept_lang_header

KEY = "demo-shop"
SHOP = "/demo-shop/"
FILES = {"shop.css": "text/css; charset=utf-8", "shop.js": "text/javascript; charset=utf-8"}
_PAGES = {"": "home", "ai-course": "course", "call": "form"}


def page(path: str, *, language: str) -> bytes:
    """One page of the shop; b"" where there is none.

    language  as a browser's Accept-Language header says it
    """
    name = _PAGES.get(path.removeprefix(SHOP).strip("/"))
    if name is None:
        return b""
    context = {"name": name, "key": KEY, "shop": SHOP}
    with override(_language(language)):
        return render_to_string("capture/shop.html", context).encode()


def _language(header: str) -> str:
    for wanted, _weight in parse_accept_lang_header(header.lower()):
        try:
            return get_supported_language_variant(wanted)
        except LookupError:
            continue
    return "zh-hans"
