"""Whether people who cannot see, or see badly, can use a page: axe-core's word on it."""

from functools import cache

from playwright.sync_api import Page

from furrow.config.places import REPOSITORY

AXE = REPOSITORY / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FINISHED = """() => Promise.race([
    new Promise(late => setTimeout(late, 2000)),  // some wait for ever, out of sight
    Promise.all(document.getAnimations()
        .filter(one => one.effect.getComputedTiming().endTime !== Infinity)
        .map(one => one.finished.catch(() => {}))),
])"""
SERIOUS = {"serious", "critical"}


@cache
def _source() -> str:
    return AXE.read_text("utf-8")


def assert_accessible(page: Page) -> None:
    """No serious violation of WCAG 2.2 AA on the page as it is now, in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(FINISHED)
        page.evaluate(_source())
        found = page.evaluate(
            """() => axe.run(document, {
                resultTypes: ["violations"],
                runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
            })"""
        )
        serious = [
            f"{one['id']} ({one['impact']}): {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]
        assert not serious, f"{page.url}, {scheme}:\n" + "\n".join(serious)
    page.emulate_media(color_scheme="light")
