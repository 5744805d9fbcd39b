from collections.abc import Iterator

from django.utils import translation
from django.utils.translation import gettext

from furrow.common.streams import in_this_language


def test_a_stream_keeps_the_language_it_was_asked_in_and_leaves_the_others_alone() -> None:
    def lines() -> Iterator[str]:
        yield gettext("Calls")
        yield gettext("Calls")

    with translation.override("en"):
        stream = in_this_language(lines())

    with translation.override("zh-hans"):
        assert [(line, gettext("Calls")) for line in stream] == [("Calls", "拨打")] * 2
