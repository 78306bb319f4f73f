"""Which runs of the network detector are on record, so that the same run is not done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ombud.detect.figures import command
from ombud.model.errors import NotFoundError
from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id
from ombud.records import figures

if TYPE_CHECKING:
    from ombud.detect.networks import NetworkRun
    from ombud.lake import Lake

__all__ = ["recorded_run", "save_run"]


def _run_id(files: list[SourceFile], settings: dict[str, Any], version: str) -> str:
    return derived_id("figure", "detect.networks", sorted(file.sha256 for file in files), settings, version)


def _files(lake: Lake) -> list[SourceFile]:
    return [SourceFile(file.path, file.sha256) for file in lake.files("posts")]


def save_run(lake: Lake, run: NetworkRun) -> Figure:
    """Save how many networks the run found, with their sizes, under the run's own figure."""
    files = _files(lake)
    sizes = sorted((len(network.accounts) for network in run.networks), reverse=True)
    figure = Figure(
        id=_run_id(files, run.settings, run.version),
        name="networks found",
        value=len(sizes),
        unit="networks",
        query=command(run.settings),
        parameters={"settings": run.settings, "sizes": sizes},
        inputs=files,
    )
    with lake.records.begin() as tx:
        figures.save(tx, figure)
    return figure


def recorded_run(lake: Lake, settings: dict[str, Any], version: str) -> Figure | None:
    """Return the figure of a run over the very files of now with these settings; null if there was none."""
    with lake.records.read() as tx:
        try:
            return figures.get(tx, _run_id(_files(lake), settings, version))
        except NotFoundError:
            return None
