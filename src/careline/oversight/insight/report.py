"""The written report of a period: every figure with its definition, and the days or topics below it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from careline.base.accounts.rights import Reader
from careline.oversight.insight.figures import Period, figures, grouped, suppressed
from careline.oversight.insight.metrics import CONTACTS, Rules, formula

DAILY = ("volume_offered", "volume_answered", "volume_abandoned", "service_level", "asa", "abandonment", "aht")


@dataclass(frozen=True, slots=True)
class Line:
    code: str
    name: str
    formula: str
    kind: str  # count | share | seconds
    value: Any


def report(reader: Reader, period: Period, rules: Rules | None = None) -> list[Line]:
    """Every metric of contacts, in the order of the definitions."""
    rules = rules or Rules()
    counted = figures(reader, period, CONTACTS, rules)
    return [Line(code, str(d.name), formula(code, rules), d.kind, counted[code]) for code, d in CONTACTS.items()]


def below(reader: Reader, period: Period, by: str, rules: Rules | None = None) -> Iterator[dict[str, Any]]:
    """The daily figures for each value of `by`; shares of fewer than five contacts are withheld."""
    return (suppressed(row) for row in grouped(reader, period, DAILY, by, rules))


def shown(line: Line) -> str:
    """As a person reads it; an empty figure is a dash, never a zero."""
    if line.value is None:
        return "–"
    if line.kind == "share":
        return f"{100 * line.value:.1f} %"
    return str(line.value) if line.kind == "count" else f"{line.value:.1f} s"


def write_csv(reader: Reader, period: Period, out: TextIO, rules: Rules | None = None) -> None:
    """The report as rows of code, name, value, formula; values are exact."""
    rows = csv.writer(out)
    rows.writerow(["code", "name", "value", "formula"])
    for line in report(reader, period, rules):
        rows.writerow([line.code, line.name, "" if line.value is None else line.value, line.formula])
