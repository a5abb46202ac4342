"""The simulated people on the real live process: calls with sound, outcomes, the visitor's own call."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from random import Random

import pytest

from careline.app.traffic.callers import SimulatedCaller
from careline.app.traffic.cast import Visitor, left_over, look
from careline.app.traffic.habits import CallPlan, DeskPlan
from careline.app.traffic.networks import Network
from careline.app.traffic.playing import end_left_over
from careline.app.traffic.stage import Stage
from careline.care.contacts.models import Contact, ContactPatient, ContactSummary, LiveState
from careline.care.contacts.projections import catch_up
from careline.connectors.webrtc.line import Line
from careline.connectors.webrtc.peers import Caller, Operator
from careline.connectors.webrtc.sound import AUDIBLE, tone
from careline.faces.live.orm import Orm
from tests.app.traffic.conftest import Town, build_town
from tests.support.centre import CSRF, cookies, live_process

QUICK_CALL = CallPlan("booking-family", 60, 3.0, None, None, "booking", "f")
QUICK_DESK = DeskPlan(0.2, False, None, 0.0, True, False, 0.1, None)


@pytest.fixture
def stage(transactional_db, settings, tmp_path):
    """The town, its live process, and the stage of simulated people; nobody is at work yet."""
    town = build_town(settings)
    with live_process(tmp_path / "live.log", CARELINE_DEMO="1") as live:
        orm = Orm(threads=1)
        yield Scene(town, Stage(live.url, live.url.removeprefix("http://"), orm, Random(1)), live)
        orm.close()


class Scene:
    def __init__(self, town: Town, stage: Stage, live) -> None:
        self.town, self.stage, self.live = town, stage, live
        self.network = Network(stage, town.cast)
        for each in self.network.colleagues:
            each.plan = lambda: QUICK_DESK

    async def eventually(self, fits, seconds: float = 20.0):
        """The first true answer of a question to the database."""
        until = asyncio.get_running_loop().time() + seconds
        while not (found := await self.stage.orm(fits)):
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.1)
        return found

    @contextlib.asynccontextmanager
    async def at_work(self):
        """The simulated colleagues are at their desks."""
        tasks = [asyncio.create_task(each.live()) for each in self.network.colleagues]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def visitor(self):
        line = Line(self.live.url, cookies=cookies(self.town.session), csrf=CSRF)
        operator = Operator(line, tone(), answers=False)
        await operator.start()
        try:
            yield operator
        finally:
            await operator.close()

    def caller(self, plan: CallPlan = QUICK_CALL, prefers: str = "", yields=lambda: False) -> SimulatedCaller:
        cast = self.town.cast
        return SimulatedCaller(
            self.stage, plan, cast.destinations[0], cast.people[0], cast.language, prefers=prefers, yields=yields
        )


async def test_colleagues_take_simulated_calls_with_sound_and_record_them(stage):
    heard: list[float] = []
    caller = stage.caller(replace(QUICK_CALL, talk_s=4.0))
    page = caller._page

    def listening() -> Caller:
        made = page()
        made.until, until = _noting(made, heard), made.until
        assert until
        return made

    caller._page = listening
    async with stage.at_work():
        assert await asyncio.wait_for(caller.live(), 60) == "talked"
        summary = await stage.eventually(lambda: _recorded(Contact.objects.get()))
    assert max(heard) > AUDIBLE
    assert summary.simulated
    assert str(summary.agent_id) in stage.town.simulated
    assert summary.cause == "completed"
    assert summary.topic_id == stage.town.cast.destinations[0].topic
    assert await stage.stage.orm(ContactPatient.objects.count) == 1
    assert await stage.eventually(lambda: not LiveState.objects.filter(kind="agent").exists())  # they went home


async def test_a_visitor_hears_a_simulated_caller_and_real_callers_reach_only_people(stage):
    async with stage.at_work():
        ready = LiveState.objects.filter(kind="agent", state__presence="ready")
        await stage.eventually(lambda: ready.count() == 2)
        patient = Caller(Line(stage.live.url), tone())
        await patient.call("town-1", "uk", topic="booking-family")
        await patient.until(lambda: patient.phase == "queued")
        assert patient.state["position"] == 1  # both colleagues are ready, and yet it waits for a person
        assert patient.state["wait_low_s"] is None  # and no wait is promised
        await patient.hang_up()
        await patient.close()

    async with stage.visitor() as visitor:
        sight = await stage.eventually(lambda: (seen := look()).visitors and seen)
        assert sight.visitors == (Visitor(stage.town.visitor, frozenset({str(stage.town.centre.queue.pk)})),)

        calling = asyncio.create_task(stage.caller(prefers=stage.town.visitor).live())
        await visitor.until(lambda: bool(visitor.work("offered")), 20)
        [offer] = visitor.work("offered")
        assert offer["simulated"]
        await visitor.act("answer", contact=offer["contact"], offer=offer["offer"])
        await visitor.until(lambda: bool(visitor.talks), 20)
        [talk] = visitor.talks.values()
        async with asyncio.timeout(30):
            await talk.ear.something.wait()
        assert talk.ear.loudest > AUDIBLE

        patient = Caller(Line(stage.live.url), tone())
        await patient.call("town-1", "uk", topic="booking-family")
        await stage.eventually(lambda: look().asked)
        await patient.until(lambda: patient.phase == "queued")
        await visitor.end(offer["contact"])
        assert await asyncio.wait_for(calling, 30) == "talked"
        await visitor.until(lambda: bool(visitor.work("offered")), 20)
        [offer] = visitor.work("offered")
        assert offer["contact"] == patient.contact
        assert not offer["simulated"]
        await patient.hang_up()
        await patient.close()


async def test_callers_give_up_make_way_for_real_ones_and_leave_no_orphans(stage):
    assert await stage.caller(replace(QUICK_CALL, patience_s=0.3)).live() == "gave_up"
    async with stage.visitor():
        meant = stage.caller(prefers=stage.town.visitor, yields=lambda: True)
        assert await asyncio.wait_for(meant.live(), 20) == "gave_up"

    orphan = Caller(stage.stage.line(), tone())  # of a traffic process that was killed
    await orphan.call("town-1", "uk", topic="booking-family", simulated=True)
    await orphan.close()
    assert len(await stage.stage.orm(left_over)) == 1
    await end_left_over(stage.stage)
    assert await stage.stage.orm(left_over) == []

    await stage.stage.orm(catch_up)
    causes = await stage.stage.orm(lambda: sorted(ContactSummary.objects.values_list("cause", "simulated")))
    assert causes == [("abandoned", True)] * 3


async def test_the_live_process_may_die_and_colleagues_come_back(stage):
    async with stage.at_work():
        ready = LiveState.objects.filter(kind="agent", state__presence="ready")
        await stage.eventually(lambda: ready.count() == 2)
        stage.live.kill()
        stage.live.start()
        await asyncio.to_thread(stage.live.wait)
        assert await asyncio.wait_for(stage.caller().live(), 90) == "talked"


def _noting(caller: Caller, heard: list[float]):
    """`until` that notes how loud the other side has been so far."""
    until = caller.until

    async def noting(fits, timeout_s: float = 30.0) -> None:
        try:
            await until(fits, timeout_s)
        finally:
            heard.append(caller.talk.ear.loudest)

    return noting


def _recorded(contact: Contact) -> ContactSummary | None:
    return ContactSummary.objects.filter(pk=contact.pk, phase="ended").exclude(outcome="").first()
