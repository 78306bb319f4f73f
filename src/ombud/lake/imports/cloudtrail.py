"""The format `cloudtrail`: the access log of Amazon Web Services, as rows of `reads`.

Files are those that AWS delivers (`{"Records": [...]}`) or one event a line, plain, gzip or zstd. Every event is one
read, and one more for each further resource that it names; `ombud.lake.imports.cloudtrail_events` says what becomes
of its parts. Beside the reads the file gives its apps, their developers, and the resources as accounts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ombud.lake.imports.cloudtrail_events import Event, UnfitEventError, read_event
from ombud.lake.imports.keyed import keyed_hash, open_key
from ombud.lake.imports.scan import file_kind, scan_text
from ombud.lake.imports.stage import Reading, Staged, parquet
from ombud.lake.imports.text_rows import json_rows, unfit_json
from ombud.model.errors import InputError
from ombud.model.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ombud.lake.imports.stage import Options, Stage

__all__ = ["CloudtrailReader"]

_AT_ONCE = 20_000
_WHOLE_FILE = 512_000_000
"""Bytes of a `{"Records": ...}` file, unpacked; AWS writes some megabytes at a time."""
_START = 4_096


class CloudtrailReader:
    """One file of events on its way onto `reads`, `apps`, `developers` and `accounts`."""

    def __init__(self, stage: Stage, path: Path, options: Options) -> None:
        """Unpack and hash the file, and see in which of the two forms it is."""
        if options.table or options.mapping:
            raise InputError("`cloudtrail` takes no table and no mapping.", hint="Leave them out.")
        self.stage = stage
        self.path = path
        packed = file_kind(path, frozenset({"ndjson"})).packed
        target = stage.path("unpacked") if packed else None
        self.sha256 = scan_text(path, packed, target, stage.progress).sha256
        self.events = target or path
        self.key = open_key(options.keys) if options.keys else b""

    def read(self) -> Reading:
        """Stage the events that fit; the others go to the rejects."""
        place = self.stage.path("parquet")
        apps: dict[str, dict[str, Any]] = {}
        accounts: dict[str, dict[str, Any]] = {}
        events = rejected = reads = 0
        waiting: list[dict[str, Any]] = []
        with pq.ParquetWriter(place, TABLES["reads"].door, compression="zstd") as out:
            for line, found, raw in self._events():
                events += 1
                if isinstance(found, str):
                    self.stage.rejects.add(line, "reads", found, raw)
                    rejected += 1
                    continue
                apps.setdefault(found.app, _app(found))
                for resource in found.resources:
                    accounts.setdefault(resource, _account(resource, found.region))
                waiting += self._reads(found)
                if len(waiting) >= _AT_ONCE:
                    reads += _flush(out, waiting)
                    self.stage.say(events, None, f"reading {self.path.name}")
            reads += _flush(out, waiting)
        developers = {app["developer"]: {"developer": app["developer"]} for app in apps.values()}
        return Reading(
            events,
            [
                self.stage.rows("developers", list(developers.values())),
                self.stage.rows("apps", list(apps.values())),
                self.stage.rows("accounts", list(accounts.values())),
                Staged("reads", f"FROM {parquet(place)}", reads + rejected, rejected, 0),
            ],
        )

    def _events(self) -> Iterator[tuple[int, Event | str, Any]]:
        """Yield each event with its number from 1, or what is wrong with it, and how it stands there."""
        for line, value, problem, raw in self._delivered() if self._is_delivery() else self._lines():
            if problem is not None:
                yield line, problem, raw
                continue
            try:
                yield line, read_event(value), raw
            except UnfitEventError as why:
                yield line, str(why), raw

    def _lines(self) -> Iterator[tuple[int, object, str | None, bytes]]:
        for row in json_rows(self.events):
            value = None if row.problem else json.loads(row.clean)
            yield row.line, value, row.problem, row.raw.rstrip(b"\r\n")

    def _is_delivery(self) -> bool:
        with self.events.open("rb") as file:
            start = file.read(_START).removeprefix(b"\xef\xbb\xbf").lstrip()
        return start.startswith(b"{") and start[1:].lstrip().startswith(b'"Records"')

    def _delivered(self) -> Iterator[tuple[int, object, str | None, object]]:
        """Yield the events of a file as AWS delivers it, numbered from 1."""
        if (size := self.events.stat().st_size) > _WHOLE_FILE:
            raise InputError(
                f"{self.path} holds {size:,} bytes of `Records`, which are read at once.",
                hint="Make lines of it with `jq -c '.Records[]'`.",
            )
        try:
            document = json.loads(self.events.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path} begins like a file of CloudTrail and is no JSON: {type(error).__name__}.",
                hint="Look whether it was copied completely.",
            ) from error
        records = document["Records"]
        if not isinstance(records, list):
            raise InputError(f"The `Records` of {self.path} are no list.", hint="Look what the file is.")
        for number, value in enumerate(records, 1):
            yield number, value, unfit_json(value), value

    def _reads(self, event: Event) -> Iterator[dict[str, Any]]:
        for number, resource in enumerate(event.resources, 1):
            yield {
                "read": event.id if number == 1 else f"{event.id}/{number}",
                "app": event.app,
                "person": resource,
                "happened_at": event.happened_at,
                "fields": [event.field],
                "decision": "refused" if event.error else "allowed",
                "reason": event.error,
                "key": event.key,
                "acts_for": event.acts_for,
                "network": self._network(event.address),
            }

    def _network(self, address: str | None) -> str | None:
        """Return an address as its keyed hash; the name of a service stays as it is."""
        if address is None or address.endswith(".amazonaws.com") or address == "AWS Internal":
            return address
        return keyed_hash(self.key, address)


def _app(event: Event) -> dict[str, Any]:
    return {"app": event.app, "developer": event.developer, "name": event.app_name, "category": event.category}


def _account(resource: str, region: str | None) -> dict[str, Any]:
    return {"account": resource, "platform": "aws", "region": region}


def _flush(out: pq.ParquetWriter, rows: list[dict[str, Any]]) -> int:
    """Write the rows that wait, and forget them."""
    count = len(rows)
    if rows:
        out.write_table(pa.Table.from_pylist(rows, schema=TABLES["reads"].door))
        rows.clear()
    return count
