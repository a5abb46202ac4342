"""The twin (this very router under a virtual clock) against simpy and against exact Erlang A.

Both play M/M/200+M: the same Poisson stream of calls, exponential talks and patiences, one queue, 200 agents. Speeds
are calls per second of processor time, so that other work on the machine weighs on both alike. The error is the largest
absolute error of P(wait), P(abandon) and mean wait / patience over all loads, P(wait) with a control variate (see
`Crowd`; `erlang_a_error_plain` is without it); the coverage is the share of answered
waits that lie inside the 80 % interval announced to the caller on entering.

    python -m benchmarks.twin [--quick] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

import mpmath
import simpy

from benchmarks.compiled import compiled_home, run
from careline.core.acd import router as router_module
from careline.core.acd.model import AgentProfile, QueueRules
from careline.core.acd.twin import Call, Twin, poisson_calls

SERVERS, TALK_S, PATIENCE_S = 200, 180.0, 180.0
LOADS = (0.95, 1.02, 1.1)


def erlang_a(load: float) -> tuple[float, float, float]:
    """P(wait), P(abandon), mean wait / mean patience of M/M/s+M, from its stationary distribution (Palm 1957)."""
    mu, theta = mpmath.mpf(1) / TALK_S, mpmath.mpf(1) / PATIENCE_S
    rate = load * SERVERS * mu
    weight, weights = mpmath.mpf(1), [mpmath.mpf(1)]
    n = 0
    while n < SERVERS or weight > mpmath.mpf(10) ** -20 * max(weights):
        n += 1
        weight *= rate / (min(n, SERVERS) * mu + max(n - SERVERS, 0) * theta)
        weights.append(weight)
    total = mpmath.fsum(weights)
    waits = mpmath.fsum(weights[SERVERS:]) / total
    queue = mpmath.fsum((n - SERVERS) * w for n, w in enumerate(weights) if n > SERVERS) / total
    abandon = theta * queue / rate
    return float(waits), float(abandon), float(queue / rate / PATIENCE_S)


def new_twin(tell: bool) -> Twin:
    agents = [AgentProfile(f"a{n}", frozenset({"line"})) for n in range(SERVERS)]
    return Twin([QueueRules("line", wrap_up_s=0.0)], agents, tell=tell)


def play_twin(stream: Iterator[Call], calls: int, tell: bool) -> dict[str, float]:
    """One run; the first twentieth warms up and is not counted."""
    twin = new_twin(tell)
    waited = abandoned = told = inside = count = 0
    wait_s = 0.0
    warm = calls // 20
    started = time.process_time()
    for fate in twin.run(stream):
        if warm:
            warm -= 1
            continue
        count += 1
        waited += fate.wait_s > 0.0
        abandoned += fate.abandoned
        wait_s += fate.wait_s
        if fate.answered and fate.told_low_s >= 0.0:
            told += 1
            inside += fate.told_low_s <= fate.wait_s <= fate.told_high_s
    spent = time.process_time() - started
    return {
        "calls_per_s": calls / spent,
        "p_wait": waited / count,
        "p_abandon": abandoned / count,
        "wait": wait_s / count / PATIENCE_S,
        "told": told,
        "inside": inside,
    }


def matched_calls(per_s: float, calls: int, seed: int) -> Iterator[Call]:
    """The Poisson stream, stretched so that its own means are exactly the nominal ones (moment matching).

    Nearly all the noise of P(wait) in a run comes from a load that happened to be a few parts in a thousand off.
    """
    at = talk_s = patience_s = 0.0
    for call in poisson_calls("line", per_s, TALK_S, PATIENCE_S, calls, seed):
        at, talk_s, patience_s = call.at, talk_s + call.talk_s, patience_s + call.patience_s
    pace, talk, patience = calls / per_s / at, TALK_S * calls / talk_s, PATIENCE_S * calls / patience_s
    for call in poisson_calls("line", per_s, TALK_S, PATIENCE_S, calls, seed):
        yield Call(call.at * pace, "line", call.talk_s * talk, call.patience_s * patience)


class Crowd:
    """The same calls in a centre that never lets anybody wait: a control variate for P(wait).

    How many talk there at once is Poisson with the offered load as its mean, so the chance that a caller finds at least
    as many talking as the real centre has agents is known exactly (it is Erlang A's own P(wait) here, where talks and
    patiences have the same mean). By what its own share misses that chance, the twin's
    share of waiting callers is off, too: a run in which calls happened to bunch has more of both. What is left after
    subtracting is the twin's own error, with about half the noise (Law, "Simulation Modeling and Analysis", 11.4).
    """

    def __init__(self, warm: int) -> None:
        self._warm = warm
        self._talking: list[float] = []  # when each talk ends
        self._calls = self._crowded = 0

    def watch(self, stream: Iterator[Call]) -> Iterator[Call]:
        talking = self._talking
        for number, call in enumerate(stream):
            while talking and talking[0] <= call.at:
                heappop(talking)
            if number >= self._warm:
                self._calls += 1
                self._crowded += len(talking) >= SERVERS
            heappush(talking, call.at + call.talk_s)
            yield call

    def off_by(self, load: float) -> float:
        """How much the share of crowded arrivals exceeds its exact chance."""
        mean = mpmath.mpf(load) * SERVERS
        below = mpmath.fsum(mpmath.exp(-mean) * mean**n / mpmath.factorial(n) for n in range(SERVERS))
        return self._crowded / self._calls - float(1 - below)


def play_simpy(load: float, calls: int, seed: int) -> float:
    """The same centre as simpy's own renege example builds it; calls per second of processor time."""
    rng = random.Random(seed)
    env = simpy.Environment()
    agents = simpy.Resource(env, SERVERS)
    counts = [0, 0, 0.0]

    def call(talk_s: float, patience_s: float) -> Any:
        at = env.now
        with agents.request() as turn:
            got = yield turn | env.timeout(patience_s)
            wait_s = env.now - at
            counts[0] += wait_s > 0.0
            counts[2] += wait_s
            if turn in got:
                yield env.timeout(talk_s)
            else:
                counts[1] += 1

    def stream() -> Any:
        for _ in range(calls):
            yield env.timeout(rng.expovariate(load * SERVERS / TALK_S))
            env.process(call(rng.expovariate(1.0 / TALK_S), rng.expovariate(1.0 / PATIENCE_S)))

    started = time.process_time()
    env.process(stream())
    env.run()
    return calls / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within two minutes")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--interpreted", action="store_true", help="do not compile the router with mypyc")
    options = parser.parse_args()
    compiled = not router_module.__file__.endswith(".py")
    if not compiled and not options.interpreted and (home := compiled_home()) is not None:
        print(run(home, "twin", "--seed", str(options.seed), *(["--quick"] if options.quick else [])), end="")
        return
    race = 20_000 if options.quick else 100_000
    calls = 250_000 if options.quick else 2_000_000
    twin_speeds, simpy_speeds = [], []
    for turn in range(3):  # in turns, so that both meet the same machine
        simpy_speeds.append(play_simpy(1.02, race, options.seed + turn))
        stream = poisson_calls("line", 1.02 * SERVERS / TALK_S, TALK_S, PATIENCE_S, race, options.seed + turn)
        twin_speeds.append(play_twin(stream, race, tell=False)["calls_per_s"])
    twin_speed, simpy_speed = sorted(twin_speeds)[1], sorted(simpy_speeds)[1]
    print(f"router {'compiled' if compiled else 'interpreted'}: {twin_speed:,.0f} calls/s, simpy {simpy_speed:,.0f}")
    print(f"{'load':>6}{'':12}{'P(wait)':>10}{'P(abandon)':>12}{'wait/patience':>15}{'covered':>9}")
    worst, worst_plain, told, inside = 0.0, 0.0, 0.0, 0.0
    for number, load in enumerate(LOADS):
        exact = erlang_a(load)
        crowd = Crowd(calls // 20)
        stream = crowd.watch(matched_calls(load * SERVERS / TALK_S, calls, options.seed + number))
        played = play_twin(stream, calls, tell=True)
        plain = (played["p_wait"], played["p_abandon"], played["wait"])
        found = (played["p_wait"] - crowd.off_by(load), played["p_abandon"], played["wait"])
        worst = max(worst, *(abs(a - b) for a, b in zip(exact, found, strict=True)))
        worst_plain = max(worst_plain, *(abs(a - b) for a, b in zip(exact, plain, strict=True)))
        told, inside = told + played["told"], inside + played["inside"]
        print(f"{load:>6}{'  Erlang A':12}" + "{:>10.4f}{:>12.4f}{:>15.4f}".format(*exact))
        print(f"{'':>6}{'  twin':12}" + "{:>10.4f}{:>12.4f}{:>15.4f}".format(*found), end="")
        print(f"{played['inside'] / max(played['told'], 1):>9.3f}")
    figures = {
        "calls_per_s": round(twin_speed),
        "simpy_calls_per_s": round(simpy_speed),
        "ratio": round(twin_speed / simpy_speed, 2),
        "erlang_a_error": round(worst, 4),
        "erlang_a_error_plain": round(worst_plain, 4),
        "eta_coverage": round(inside / told, 4),
        "compiled": compiled,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
