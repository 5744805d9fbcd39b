"""What every template may use: icons, form fields, the mark of the current page, small filters."""

import math
from datetime import timedelta
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, title: str = "", css: str = "") -> SafeString:
    """One of the icons listed in frontend/icons.txt.

    Without a title it is decoration beside a word and hidden from screen readers; with one it
    speaks for itself.
    """
    css = f"icon {css}".strip()
    href = f"{static('dist/icons.svg')}#{name}"
    if title:
        return format_html(
            '<svg class="{}" role="img"><title>{}</title><use href="{}"/></svg>', css, title, href
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', css, href)


@register.simple_tag(takes_context=True)
def active(context: dict[str, Any], prefix: str) -> SafeString:
    """`aria-current="page"` when the path begins with `prefix`; for tabs and menus."""
    request: HttpRequest | None = context.get("request")
    if request is not None and request.path.startswith(prefix):
        return SafeString('aria-current="page"')
    return SafeString("")


@register.filter
def initial(name: str) -> str:
    """What an avatar shows: the first character, a letter in capitals."""
    return str(name).strip()[:1].upper()


@register.filter
def minutes(span: timedelta) -> int:
    """A span in whole minutes, rounded up."""
    return math.ceil(span.total_seconds() / 60)


@register.inclusion_tag("partials/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """A form field with label, help and errors, in the house's dress: {% field form.name %}."""
    widget = bound.field.widget
    is_group = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    is_check = isinstance(widget, CheckboxInput) and not is_group
    if is_check or is_group:
        css = "form-check-input"
    else:
        css = "form-select" if isinstance(widget, Select) else "form-control"
    css = f"{css} {widget.attrs.get('class', '')}".strip()
    return {
        "field": bound,
        "widget": bound.as_widget(attrs={"class": css}),
        "is_check": is_check,
        "is_group": is_group,
    }


@register.filter
def percent(share: float) -> str:
    """A share as people read it: 0.314 is "31.4 %"."""
    return f"{100 * share:.1f} %"
