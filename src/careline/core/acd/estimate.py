"""How long a caller will wait, as an honest 80 % interval.

While callers wait, every agent of the queue is busy, so the next one is taken when some talk ends or when somebody
ahead gives up. With `n` ahead the wait is a sum of exponential steps with rates sigma + i * theta, i = 0..n: sigma is
the rate at which this queue's callers are taken, theta the rate at which one waiting caller gives up. (Exact for
M/M/s+M: Whitt, "Predicting queueing delays", Management Science 45 (1999).) Both rates are measured: takings per second
of ready agent while somebody waited, and losses per second of waiting. The sum is summarised by its mean and variance
as a gamma distribution, widened by how few takings have been seen, and its quantiles come from Wilson and Hilferty's
cube root.
"""

from __future__ import annotations

import math

# The 10 % and 90 % points of the standard normal distribution.
_Z = 1.2815515655446004
# With fewer takings than this there is no ground for an estimate.
LEAST_SEEN = 5.0
# Each taking weighs this much less at the next one: about the last 300 takings count.
FORGET = 1.0 - 1.0 / 300.0


def steps(sigma: float, theta: float, ahead: int) -> tuple[float, float]:
    """Mean (s) and variance (s^2) of the sum of exponential steps with rates sigma + i * theta, i = 0..ahead."""
    count = ahead + 1
    if theta * count < 1e-9 * sigma:
        return count / sigma, count / (sigma * sigma)
    if ahead <= 64:
        mean = 0.0
        variance = 0.0
        rate = sigma
        for _ in range(count):
            mean += 1.0 / rate
            variance += 1.0 / (rate * rate)
            rate += theta
        return mean, variance
    # Far back in the queue the sum is its integral (midpoint rule), relative error below theta^2/(24 sigma^2).
    first = max(sigma - 0.5 * theta, 0.5 * sigma)
    last = sigma + (ahead + 0.5) * theta
    return math.log(last / first) / theta, (1.0 / first - 1.0 / last) / theta


def interval(mean: float, variance: float) -> tuple[float, float]:
    """The 10 % and 90 % quantiles (s) of a gamma distribution with this mean and variance (Wilson-Hilferty)."""
    shape = mean * mean / variance
    small = 1.0 / (9.0 * shape)
    root = math.sqrt(small)
    low = 1.0 - small - _Z * root
    high = 1.0 - small + _Z * root
    return mean * max(low, 0.0) ** 3, mean * high**3


def wait(
    taken: float, exposure: float, given_up: float, waited: float, ready: int, ahead: int
) -> tuple[float, float] | None:
    """An 80 % interval (s) for the wait of a caller with `ahead` before them; None when there is no ground for one.

    taken, exposure: takings and the ready-agent-seconds they were seen in. given_up, waited: callers lost from the
    queue and the caller-seconds they were seen in. ready: agents at work now.
    """
    if taken < LEAST_SEEN or exposure <= 0.0 or ready <= 0:
        return None
    sigma = taken / exposure * ready
    theta = given_up / waited if waited > 0.0 else 0.0
    mean, variance = steps(sigma, theta, ahead)
    return interval(mean, variance + mean * mean / taken)
