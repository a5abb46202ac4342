"""`careline load-sample NAME|all`: the directory of a sample network, and its patients."""

from __future__ import annotations

import io

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from careline.care.directory import samples
from careline.care.directory.samples.load import Network, load
from careline.care.patients.imports import import_patients, read_csv


class Command(BaseCommand):
    help = "Load a sample network: fictional places, people and numbers. Loading it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=[*samples.NETWORKS, "all"])

    def handle(self, *args, name: str, **options) -> None:
        for code in samples.NETWORKS if name == "all" else [name]:
            network = load_whole(code)
            self.stdout.write(f"{code}: {network.root.name}")


@transaction.atomic
def load_whole(code: str) -> Network:
    """The network and its patients, or neither. A second time changes nothing."""
    network = load(code)
    import_patients(network.root, read_csv(io.StringIO(samples.patients_file(code))))
    return network
