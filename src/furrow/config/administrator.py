"""`furrow administrator`: the first person of a new company."""

import argparse
import getpass
import sys


def main(argv: list[str]) -> int:
    """Exit code 0 when made, 1 when refused; the reason goes to standard error."""
    parser = argparse.ArgumentParser(
        prog="furrow administrator",
        description="Make an administrator, who can then add everybody else under People. Asks for "
        "a password, or reads it from standard input when that is no terminal. A new company also "
        "gets the default calling rules, holidays and results.",
    )
    parser.add_argument("username")
    parser.add_argument("--name", default="", help="the name colleagues see")
    arguments = parser.parse_args(argv)

    import django

    django.setup()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.utils import timezone, translation

    from furrow.campaigns.actions import seed_dispositions
    from furrow.compliance.actions import seed_compliance
    from furrow.organisation.actions import create_user, system_user
    from furrow.organisation.models import User
    from furrow.organisation.rules import Role

    if User.objects.filter(username=arguments.username).exists():
        return _refuse(f"There is somebody called {arguments.username} already.")
    password = _ask()
    at, by = timezone.now(), system_user()
    person = User(username=arguments.username, display_name=arguments.name)
    try:
        with translation.override("en"):
            validate_password(password, person)
    except ValidationError as error:
        return _refuse(" ".join(error.messages))
    create_user(
        username=arguments.username,
        display_name=arguments.name or arguments.username,
        role=Role.ADMINISTRATOR,
        team=None,
        password=password,
        by=None,
        at=at,
    )
    seed_compliance(by=by, at=at)
    seed_dispositions(name="标准结果", by=by, at=at)
    sys.stdout.write(f"{arguments.username} may sign in now, and add everybody else.\n")
    return 0


def _ask() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1
