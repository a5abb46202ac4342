"""`careline load-sample NAME|all`"""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser

from careline.care.directory import samples
from careline.care.directory.samples.load import load


class Command(BaseCommand):
    help = "Load a sample network: fictional places, people and numbers. Loading it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=[*samples.NETWORKS, "all"])

    def handle(self, *args, name: str, **options) -> None:
        for code in samples.NETWORKS if name == "all" else [name]:
            network = load(code)
            self.stdout.write(f"{code}: {network.root.name}")
