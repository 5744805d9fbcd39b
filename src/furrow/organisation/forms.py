"""What administrators fill in about people, and people about themselves."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext_lazy as _

from .models import Team, User
from .rules import Role

THEMES = (("auto", _("As the device")), ("light", _("Light")), ("dark", _("Dark")))


class PasswordField(forms.CharField):
    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(widget=widget, max_length=200, **options)


class PersonForm(forms.Form):
    """Name, role and team; agents and leaders need a team."""

    display_name = forms.CharField(label=_("name"), max_length=80)
    role = forms.ChoiceField(label=_("role"), choices=Role, initial=Role.AGENT)
    team = forms.ModelChoiceField(
        label=_("team"),
        queryset=Team.objects.none(),
        required=False,
        help_text=_("Agents and team leaders need one."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        teams = Team.objects.filter(is_active=True).order_by("name")
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        needs_team = given.get("role") in {Role.AGENT, Role.LEADER}
        if needs_team and not given.get("team") and "team" not in self.errors:
            self.add_error("team", _("Choose a team: this role works within one."))
        return given


class NewPersonForm(PersonForm):
    username = forms.CharField(
        label=_("sign-in name"), max_length=150, validators=[UnicodeUsernameValidator()]
    )
    password = PasswordField(
        label=_("first password"),
        help_text=_("At least ten characters. Hand it over in person; it can be changed later."),
    )
    field_order = ("username", "display_name", "role", "team", "password")

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"]).strip()
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("Somebody has this sign-in name already."))
        return username

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        person = User(
            username=self.cleaned_data.get("username", ""),
            display_name=self.cleaned_data.get("display_name", ""),
        )
        validate_password(password, person)
        return password


class ChangePersonForm(PersonForm):
    is_active = forms.BooleanField(
        label=_("May sign in"),
        required=False,
        help_text=_("Without it, the person is out at the next click."),
    )


class NewPasswordForm(forms.Form):
    password = PasswordField(label=_("new password"))

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password, self.user)
        return password


class TeamForm(forms.Form):
    """`team`: the one that is changed; None = a new one."""

    name = forms.CharField(label=_("name"), max_length=80)
    parent = forms.ModelChoiceField(
        label=_("team above"),
        queryset=Team.objects.none(),
        required=False,
        help_text=_("Whoever leads the team above leads this one too."),
    )

    def __init__(self, *args: Any, team: Team | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.team = team
        others = Team.objects.filter(is_active=True).order_by("name")
        if team is not None:
            others = others.exclude(pk=team.pk)
            self.initial = {"name": team.name, "parent": team.parent_id}
        self.fields["parent"].queryset = others  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        same = Team.objects.filter(name=name)
        if self.team is not None:
            same = same.exclude(pk=self.team.pk)
        if same.exists():
            raise forms.ValidationError(_("There is a team of this name already."))
        return name


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(
        label=_("language"),
        choices=[("", _("As the browser")), *settings.LANGUAGES],
        required=False,
    )
    theme = forms.ChoiceField(label=_("colours"), choices=THEMES)
