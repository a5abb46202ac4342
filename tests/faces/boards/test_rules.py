"""When something is in trouble, what may hang on a wall, and where a day's line is drawn."""

import pytest

from careline.faces.boards.charts import DAY, FLOOR, LEFT, RIGHT, TOP, Quarter, draw, nice
from careline.faces.boards.rules import agent_group, last_four, queue_state, safe_cell


@pytest.mark.parametrize(
    ("level", "longest_s", "state"),
    [
        (None, None, ""),
        (0.97, 12, ""),
        (0.80, 20, ""),
        (0.79, 0, "warn"),
        (0.97, 21, "warn"),
        (0.74, 0, "bad"),
        (0.97, 61, "bad"),
    ],
)
def test_queue_with_a_target_of_80_in_20_s(level, longest_s, state):
    assert queue_state(level, 80, longest_s, 20) == state


@pytest.mark.parametrize(
    ("presence", "reason", "phases", "group"),
    [
        ("ready", "", [], "ready"),
        ("ready", "", ["offered"], "ring"),
        ("paused", "lunch", [], "away"),
        ("paused", "training", [], "train"),
        ("paused", "lunch", ["talking"], "talk"),  # the talk goes on, the break comes after it
        ("ready", "", ["talking", "held"], "hold"),
        ("ready", "", ["wrap_up"], "wrap"),
    ],
)
def test_agents_stand_where_their_hands_are(presence, reason, phases, group):
    assert agent_group(presence, reason, phases) == group


def test_a_wall_shows_four_digits_or_none():
    assert last_four("+380 67 123 45 67") == "45-67"
    assert last_four("103") == last_four("") == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1"])
def test_no_cell_is_a_formula(text):
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("town") == "town"


def test_the_day_is_drawn_inside_its_frame():
    today = {32: Quarter(12, 10, 2), 33: Quarter(9, 9, 0)}
    drawn = draw(today, {}, now=34)
    assert (drawn.before, drawn.today.count("L")) == ("", 1)
    assert drawn.last == (pytest.approx(LEFT + 5.5 * (RIGHT - LEFT) / (DAY[1] - DAY[0]), abs=0.1), 149.6, 9)
    assert [bar.kind for bar in drawn.bars] == ["answered", "abandoned", "answered"]
    assert all(LEFT <= bar.x <= RIGHT and bar.height > 0 for bar in drawn.bars)
    assert [line.text for line in drawn.grid] == ["0", "5", "10", "15", "20"]
    assert (drawn.grid[0].at, drawn.grid[-1].at) == (FLOOR, TOP)


def test_the_running_quarter_is_not_drawn_and_a_night_call_widens_the_day():
    assert draw({34: Quarter(3, 3, 0)}, {}, now=34).today == ""
    assert draw({2: Quarter(1, 1, 0)}, {}, now=4).hours[0].text == "1:00"
    assert draw({}, {}, now=None).now_x is None


@pytest.mark.parametrize(("most", "top"), [(1, 4), (4, 4), (5, 8), (9, 20), (21, 40), (90, 200)])
def test_the_scale_has_whole_steps(most, top):
    assert nice(most) == top
