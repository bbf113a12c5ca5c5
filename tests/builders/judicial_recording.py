"""Records exchanges of the adapter with the tests' own services, for rehearsals.

Run as a program it writes config/anchors/<name>.exchange.json anew: what the examples there are
rehearsed against. They are exchanges with the tests' services, not with the real ones.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from builders.judicial_dialects import DIALECTS  # noqa: E402
from builders.judicial_service import JudicialService, serving  # noqa: E402
from builders.judicial_setup import EXAMPLES, now_ms, point_of, rest_adapter  # noqa: E402

from chaincode_adapters.port import Final  # noqa: E402
from chaincode_adapters.rest.exchange import Reply, Sent  # noqa: E402
from chaincode_adapters.rest.recording import Recording, Step, encode_recording  # noqa: E402

__all__ = ["record"]

_RECORDED_AT = 1_795_400_000_000


def record(service: JudicialService, home: Path, at: int) -> Recording:
    """The exchange of one point, from submitting to done, at the time ``at``."""
    dialect: Any = service
    adapter: Any = rest_adapter(service, home, now=lambda: at)
    steps: list[Step] = []
    exchange: Callable[[Sent], Reply] = adapter._exchange

    def recorded(sent: Sent) -> Reply:
        reply = exchange(sent)
        kept = {"content-type": reply.headers.get("content-type", "")}
        request = "poll" if steps else "submit"
        steps.append(Step(request, at, sent, Reply(reply.status, kept, reply.body)))
        return reply

    adapter._exchange = recorded
    point = point_of()
    signed = adapter.sign(point, [])
    answer = adapter.send(point, signed)
    if service.polls_needed:
        while not isinstance(adapter.look_up(point, [signed], answer), Final):
            pass
    exchange.close()
    return Recording(point, "court-1", dict(dialect.values), tuple(steps))


def main() -> None:
    """Write all of them."""
    for dialect in DIALECTS:
        polls = 0 if dialect.example in ("bjca", "antchain") else 1
        with serving(dialect(polls_needed=polls)) as service, tempfile.TemporaryDirectory() as home:
            service.clock_offset_ms = _RECORDED_AT - now_ms()
            recording = encode_recording(record(service, Path(home), _RECORDED_AT))
        path = EXAMPLES / f"{dialect.example}.exchange.json"
        path.write_text(json.dumps(recording, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    main()
