from collections.abc import Iterator

from django.utils import translation
from django.utils.translation import gettext

from furrow.common.streams import csv_answer, in_this_language


def test_a_stream_keeps_the_language_it_was_asked_in_and_leaves_the_others_alone() -> None:
    def lines() -> Iterator[str]:
        yield gettext("Calls")
        yield gettext("Calls")

    with translation.override("en"):
        stream = in_this_language(lines())

    with translation.override("zh-hans"):
        assert [(line, gettext("Calls")) for line in stream] == [("Calls", "拨打")] * 2


def test_a_table_is_text_to_a_spreadsheet_unless_it_is_to_be_read_back() -> None:
    rows: list[list[object]] = [["Name", "Calls"], ["=1+1", -2], ["李雷", 3]]

    shown = csv_answer(rows, name="day.csv")
    verbatim = csv_answer(rows, name="list.csv", is_verbatim=True)

    assert shown.getvalue().decode() == "\ufeffName,Calls\r\n'=1+1,-2\r\n李雷,3\r\n"
    assert verbatim.getvalue().decode() == "\ufeffName,Calls\r\n=1+1,-2\r\n李雷,3\r\n"
    assert shown["Content-Disposition"] == 'attachment; filename="day.csv"'
