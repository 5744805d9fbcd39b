"""How amounts and shares read."""

from django import template

from furrow.teamwork.rules import percent_of

register = template.Library()
_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€"}


@register.filter
def money(minor: int, currency: str) -> str:
    """123456 of "CNY" is "¥1,234.56"; below nothing the sign comes first."""
    sign = "−" if minor < 0 else ""
    return f"{sign}{_SIGNS.get(currency, currency + ' ')}{abs(minor) / 100:,.2f}"


@register.filter
def share(hundredths: int) -> str:
    """3000 is "30 %"."""
    return percent_of(hundredths)
