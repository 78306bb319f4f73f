"""A process of its own that writes to the records, for tests that kill it. Arguments: what to do, address, count."""

from __future__ import annotations

import sys
import time

from ombud.records import dictionaries, jobs, outbox, worker
from ombud.records.database import Records, open_url


def write(records: Records, count: int) -> None:
    for n in range(count):
        with records.begin() as tx:
            first = dictionaries.advance(tx, "account", 2)
            outbox.append(tx, "test", {"first": first})
        print(first, n, flush=True)


def hang(records: Records, count: int) -> None:
    with records.begin() as tx:
        for _ in range(count):
            outbox.append(tx, "test", {"first": dictionaries.advance(tx, "account", 2), "text": "x" * 10_000})
        print("in the middle", flush=True)
        time.sleep(600)


def work(records: Records, _: int) -> None:
    def forever(job: jobs.Job) -> None:
        print(job.id, flush=True)
        time.sleep(600)

    worker.run_one(records, {"echo": forever}, "one", lease_seconds=1.0)


if __name__ == "__main__":
    with open_url(sys.argv[2]) as opened:
        {"write": write, "hang": hang, "work": work}[sys.argv[1]](opened, int(sys.argv[3]))
