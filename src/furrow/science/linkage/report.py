from __future__ import annotations


class Summary:
    pass


def summarise(*a, **k):
    return Summary()


def write_report(s, path, lang):
    path.write_text("todo")
