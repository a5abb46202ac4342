"""The table of states, and that the drawing and the router agree with it."""

from __future__ import annotations

from pathlib import Path

from careline.core.acd import machine, model
from careline.core.acd.machine import BIRTH, MOVES, Inner
from careline.core.acd.model import Phase

DOCS = Path(__file__).parents[3] / "docs" / "explanation" / "routing.md"


def test_the_drawn_diagram_agrees_with_the_table() -> None:
    assert f"```mermaid\n{machine.diagram()}\n```" in DOCS.read_text()


def test_every_trigger_is_an_event_or_a_happening_of_the_router() -> None:
    events = {cls.__name__ for cls in model.Event.__subclasses__()}
    triggers = {trigger for moves in MOVES.values() for trigger in moves} | set(BIRTH)
    assert triggers <= events | {inner.value for inner in Inner}


def test_every_phase_can_be_reached_and_every_contact_can_end() -> None:
    reached = {to for nexts in BIRTH.values() for to in nexts}
    for _ in Phase:
        reached |= {to for phase in reached for nexts in MOVES[phase].values() for to in nexts}
    assert reached == set(Phase)
    ending = {Phase.ENDED}
    for _ in Phase:
        ending |= {phase for phase, moves in MOVES.items() if any(set(nexts) & ending for nexts in moves.values())}
    assert ending == set(Phase)


def test_nothing_happens_after_the_end() -> None:
    assert MOVES[Phase.ENDED] == {}
