"""The desk's and the supervisor's pages under load: `python -m benchmarks.web [--quick]`.

A city network with 50,000 contacts. 400 of them are played by the real switchboard, with their arrival, offer, answer,
talk and end; each of those is then copied with ids and times of its own, ledger rows, patients and caller included. Two
web workers as the product starts them; 16 clients, each a signed-in person on a connection of their own, never pause:

    list     the contact list, filtered, first or a later page (POST /contacts/rows/)
    open     a contact's card at the desk, audited (GET /desk/contacts/ID/)
    record   topic and outcome of a contact (POST /desk/contacts/ID/record/)

Prints a table for each kind; `p95_ms` is over all requests together, `rps` is answers a second.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlencode

from benchmarks.database import _careline, fresh

SEED = 20260302
CONTACTS = 50_000
PLAYED = 400
CLIENTS = 16
AIM_MS = 150
WORKERS = "2"
KINDS = ("list", "open", "record")
WEIGHTS = (2, 4, 2)  # for each outcome a contact is opened twice, at the desk and by a supervisor, and the list is read
CSRF = "c" * 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 s of load instead of 60")
    options = parser.parse_args()
    os.environ.update(
        CARELINE_DEMO="1", CARELINE_SECRET_KEY="benchmark-" * 6, DJANGO_SETTINGS_MODULE="careline.app.settings"
    )
    with fresh("web") as dsn:
        import django

        django.setup()
        _careline("load-sample", "city")
        cast = furnish(dsn)
        figures = measure(cast, 15.0 if options.quick else 60.0)
    print(f"web: {cast['contacts']:,} contacts, {CLIENTS} clients who never pause, {WORKERS} workers")
    print(f"{'':10}{'requests':>10}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for kind in (*KINDS, "all"):
        row = figures["by_kind"][kind]
        print(f"{kind:10}{row['requests']:>10,}{row['p50_ms']:>9}{row['p95_ms']:>9}{row['max_ms']:>9}")
    print(json.dumps({name: value for name, value in figures.items() if name != "by_kind"} | {"aim_ms": AIM_MS}))


# --- the contacts


def furnish(dsn: str) -> dict[str, Any]:
    """50,000 contacts of the city's network. Returns what the clients need: ids, sessions, topics."""
    from django.db import connection, connections

    from careline.base.accounts.models import Posting, Role
    from careline.care.contacts.models import Contact, ContactSummary
    from careline.care.contacts.projections import catch_up
    from careline.care.directory.models import PhoneLine, Topic
    from tests.support.centre import sign_in

    rng = random.Random(SEED)
    lines = list(PhoneLine.objects.select_related("organisation", "queue").filter(queue__isnull=False))
    operators = list(
        Posting.objects.select_related("user", "organisation").filter(role=Role.OPERATOR).order_by("user__username")
    )
    topics = list(Topic.objects.values_list("id", flat=True))
    connections.close_all()
    played = asyncio.run(play(dsn, lines, operators, topics, rng))
    record_all(played, operators, topics, rng)
    catch_up()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.11)")
        copy_all(cursor, CONTACTS // PLAYED - 1)
        for table in ("contacts_contact", "contacts_contactsummary", "contacts_ledgerrow", "contacts_callerdetails"):
            cursor.execute(f"ANALYZE {table}")
    supervisor = Posting.objects.select_related("organisation").filter(role=Role.SUPERVISOR, site=None)[0]
    cast = {
        "contacts": ContactSummary.objects.count(),
        "ids": [str(each) for each in Contact.objects.order_by("?").values_list("pk", flat=True)[:5000]],
        "topics": [str(each) for each in topics],
        "sessions": [sign_in(another(supervisor, number)) for number in range(CLIENTS)],
    }
    connections.close_all()
    return cast


def another(posting: Any, number: int) -> Any:
    """A colleague with the same posting, who sees every contact."""
    from careline.base.accounts.models import Posting, User

    user = User.objects.create_user(f"benchmark{number}", language=posting.user.language, first_name=f"Client {number}")
    Posting.objects.create(
        user=user, organisation=posting.organisation, role=posting.role, valid_from=posting.valid_from
    )
    return user


async def play(dsn: str, lines: list[Any], operators: list[Any], topics: list[Any], rng: random.Random) -> list[str]:
    """400 calls through the real switchboard, under a virtual clock. Returns the contacts."""
    from careline.care.contacts.actions import start_contact
    from careline.care.directory.profiles import agent_profile, all_queue_rules
    from careline.core.acd import model as m
    from careline.switchboard.engine import Switchboard

    now = [time.time() - 86400.0]
    board = Switchboard(dsn, clock=lambda: now[0], holder="benchmark")
    await board.start()
    for rules in await asyncio.to_thread(all_queue_rules):
        await board.submit(m.QueueSet(rules))
    for posting in operators[:40]:
        await board.submit(m.AgentSignedIn(await asyncio.to_thread(agent_profile, posting)))
        await board.submit(m.AgentReady(str(posting.user_id)))
    done: list[str] = []
    for number in range(PLAYED):
        line = rng.choice(lines)
        contact = await asyncio.to_thread(
            lambda line=line, number=number: start_contact(
                line,
                channel="voice",
                language=line.languages[0],
                name=f"Caller {number}",
                number=f"+74955550{number:03d}",
                token_hash=uuid.uuid4().hex,
            )
        )
        id = str(contact.pk)
        now[0] += rng.expovariate(0.1)
        orders = await board.submit(m.ContactQueued(id, str(line.queue_id), m.Channel.VOICE))
        offer = next((each for each in orders if isinstance(each, m.OfferContact) and each.contact == id), None)
        now[0] += rng.uniform(1, 20)
        if offer is None or rng.random() < 0.08:
            await board.submit(m.CallerHungUp(id))
        else:
            await board.submit(m.OfferAccepted(id, offer.agent, offer.offer))
            now[0] += rng.expovariate(1 / 150)
            await board.submit(m.TalkEnded(id, offer.agent))
            now[0] += rng.uniform(1, 20)
            await board.submit(m.WrapUpDone(id, offer.agent))
        done.append(id)
    await board.stop()
    return done


def record_all(contacts: list[str], operators: list[Any], topics: list[Any], rng: random.Random) -> None:
    from careline.base.accounts.rights import reader_for
    from careline.care.contacts.actions import record_outcome
    from careline.care.contacts.models import Contact
    from careline.care.contacts.rules import Outcome

    whole = next(p for p in operators if p.site_id is None)
    reader = reader_for(whole)
    for contact in Contact.objects.filter(pk__in=contacts):
        record_outcome(
            reader,
            contact.pk,
            key=str(uuid.uuid4()),
            outcome=rng.choice(Outcome.values),
            topic_id=rng.choice(topics),
            note="Asked twice; the answer was read back.",
        )


def copy_all(cursor: Any, copies: int) -> None:
    """That many copies of each played contact, hours to months earlier, with all that hangs on it."""
    cursor.execute(
        "CREATE TEMP TABLE twin AS SELECT id AS old, gen_random_uuid() AS new, n * interval '17 hours' AS shift "
        "FROM contacts_contact CROSS JOIN generate_series(1, %s) n",
        [copies],
    )
    cursor.execute("ANALYZE twin")
    copy(cursor, "contacts_contact", {"id": "t.new", "started_at": "r.started_at - t.shift"}, "id")
    numbers = "'+7' || (4950000000 + floor(random() * 9000000)::bigint)"
    copy(cursor, "contacts_callerdetails", {"contact_id": "t.new", "number": numbers}, "contact_id")
    times = ("started_at", "queued_at", "answered_at", "talk_ended_at", "ended_at", "recorded_at")
    moved = {name: f"r.{name} - t.shift" for name in times}
    copy(cursor, "contacts_contactsummary", {"contact_id": "t.new", **moved}, "contact_id")
    ledger = {"position": None, "subject": "t.new", "at": "r.at - t.shift", "key": "NULL"}
    ledger["data"] = "replace(r.data::text, t.old::text, t.new::text)::jsonb"
    copy(cursor, "contacts_ledgerrow", ledger, "subject")
    cursor.execute("UPDATE contacts_projectioncursor SET position = (SELECT max(position) FROM contacts_ledgerrow)")


def copy(cursor: Any, table: str, changed: dict[str, str | None], own: str) -> None:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position", [table]
    )
    names = [name for (name,) in cursor.fetchall() if changed.get(name, "") is not None]
    values = [changed.get(name) or f"r.{name}" for name in names]
    order = " ORDER BY r.position" if "position" in changed else ""
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM {table} r JOIN twin t ON t.old = r.{own}{order}"
    )


# --- the load


def measure(cast: dict[str, Any], seconds: float) -> dict[str, Any]:
    from careline.app.serve import web_command

    port = free_port()
    web = subprocess.Popen(web_command(port, WORKERS), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    clients = spawn.Process(target=load, args=(theirs, port, cast, seconds), name="clients")
    try:
        until_ready(port)
        clients.start()
        heard = ours.recv()
    finally:
        web.terminate()
        web.wait(20)
        if clients.is_alive():
            clients.join(10)
    by_kind = {kind: summary([ms for k, ms in heard["took"] if k == kind]) for kind in KINDS}
    by_kind["all"] = summary([ms for _, ms in heard["took"]])
    return {
        "p95_ms": by_kind["all"]["p95_ms"],
        "rps": round(len(heard["took"]) / heard["seconds"], 1),
        "p50_ms": by_kind["all"]["p50_ms"],
        **{f"{kind}_p95_ms": by_kind[kind]["p95_ms"] for kind in KINDS},
        "requests": len(heard["took"]),
        "failed": heard["failed"],
        "contacts": cast["contacts"],
        "by_kind": by_kind,
    }


def load(pipe: Connection, port: int, cast: dict[str, Any], seconds: float) -> None:
    """Sixteen people, each with a thread and a connection; the first seconds warm up and are not counted."""
    took: list[tuple[str, float]] = []
    failed: list[str] = []
    start = threading.Barrier(CLIENTS + 1)
    ends: list[float] = [0.0, 0.0]

    def person(number: int) -> None:
        client = Client(port, cast, number)
        for kind in KINDS:
            client.ask(kind)
        start.wait()
        while (now := time.perf_counter()) < ends[1]:
            kind = client.rng.choices(KINDS, WEIGHTS)[0]
            status = client.ask(kind)
            if status != 200:
                failed.append(f"{kind} {status}")
            elif now >= ends[0]:
                took.append((kind, 1000 * (time.perf_counter() - now)))

    threads = [threading.Thread(target=person, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    ends[:] = [time.perf_counter() + 2.0, time.perf_counter() + 2.0 + seconds]
    start.wait()
    ends[:] = [time.perf_counter() + 2.0, time.perf_counter() + 2.0 + seconds]
    for thread in threads:
        thread.join()
    pipe.send({"took": took, "failed": len(failed), "seconds": seconds})
    if failed:
        print(failed[:10], file=sys.stderr)


class Client:
    """One signed-in person of the centre, who may see, open and record every contact."""

    def __init__(self, port: int, cast: dict[str, Any], number: int) -> None:
        self.rng = random.Random(SEED + number)
        self.cast = cast
        self.session = cast["sessions"][number]
        self.port = port
        self.after = ""
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, kind: str) -> int:
        contact = self.rng.choice(self.cast["ids"])
        if kind == "list":
            return self.send("POST", "/contacts/rows/", self.session, self.filters())
        if kind == "open":
            return self.send("GET", f"/desk/contacts/{contact}/", self.session)
        said = {"key": str(uuid.UUID(int=self.rng.getrandbits(128), version=4)), "outcome": "answered"}
        said |= {"topic": self.rng.choice(self.cast["topics"]), "note": "Read back."}
        return self.send("POST", f"/desk/contacts/{contact}/record/", self.session, said)

    def filters(self) -> dict[str, str]:
        chosen = self.rng.choice([{}, {"topic": self.rng.choice(self.cast["topics"])}, {"text": "Caller 17"}])
        return dict(chosen)

    def send(self, method: str, path: str, session: str, form: dict[str, str] | None = None) -> int:
        headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Host": f"127.0.0.1:{self.port}",
            "HX-Request": "true",
        }
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def summary(took: list[float]) -> dict[str, Any]:
    ordered = sorted(took) or [0.0]
    return {
        "requests": len(took),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max_ms": round(ordered[-1], 1),
    }


def until_ready(port: int) -> None:
    end = time.perf_counter() + 60
    while time.perf_counter() < end:
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/readyz")
            if asked.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the web workers never answered")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
