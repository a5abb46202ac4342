"""`careline create-administrator NAME [--organisation CODE]`: the first person who can sign in."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from careline.base.accounts.actions import create_administrator
from careline.base.accounts.models import User
from careline.base.organisations.models import Organisation


class Command(BaseCommand):
    help = "Create an administrator, of the system or of one organisation. The password is asked for, or piped in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--organisation", help="code of the organisation; without it the whole system")

    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"]
        if User.objects.filter(username=username).exists():
            raise CommandError(f"There is already someone with the sign-in name {username}.")
        organisation = _organisation(options["organisation"])
        try:
            create_administrator(username, _password(), organisation, timezone.now().date())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{username} can sign in now. A second factor is asked for at the first sign-in.")


def _organisation(code: str | None) -> Organisation | None:
    if code is None:
        return None
    try:
        return Organisation.objects.get(code=code)
    except Organisation.DoesNotExist:
        raise CommandError(f"There is no organisation with the code {code}.") from None


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Password once more: "):
        raise CommandError("The two passwords differ.")
    return password
