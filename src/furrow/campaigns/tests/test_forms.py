from furrow.campaigns.forms import ScriptForm


def test_a_script_is_read_with_either_colon_and_keeps_what_is_said() -> None:
    form = ScriptForm(
        {
            "name": "秋季",
            "opening": "您好",
            "steps": "介绍：今天的优惠：满一百减二十\nclose: thank you",
            "objections": "太贵 => 可以分期：三个月",
        }
    )

    assert form.is_valid(), form.errors
    assert form.body()["steps"] == [
        {"title": "介绍", "say": "今天的优惠：满一百减二十"},
        {"title": "close", "say": "thank you"},
    ]
    assert form.body()["objections"] == [{"when": "太贵", "say": "可以分期：三个月"}]


def test_a_line_without_its_mark_is_refused_by_its_number() -> None:
    form = ScriptForm({"name": "a", "opening": "b", "steps": "fine: yes\n\nno mark"})

    assert not form.is_valid()
    assert "3" in str(form.errors["steps"])
