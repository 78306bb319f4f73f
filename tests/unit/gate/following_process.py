"""A gate of another host that decides all the time and says when its answer changes. Argument: the records' address."""

from __future__ import annotations

import sys
import time

from ombud.gate.live import LiveGate
from ombud.gate.request import ReadRequest
from ombud.records.database import open_url


def main(url: str) -> None:
    """Print each new answer with the moment (seconds of the system's clock) until the input ends."""
    with open_url(url, wait=0.5) as records:
        gate = LiveGate(records)
        gate.refresh()
        request = ReadRequest(app="quiz", person="p", fields=("email",), purpose="sign-in")
        gate.gate.decide(request)
        gate.start()
        before = ""
        while True:
            decision = gate.gate.decide(request)
            said = decision.refused[0].reason if decision.refused else "allowed"
            if said != before:
                before = said
                print(said, time.time(), flush=True)
            time.sleep(0.005)


if __name__ == "__main__":
    main(sys.argv[1])
