"""One writer at a time, named to the second; readers go on; the dead hold nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from ombud.lake.lock import writer_lock
from ombud.model.errors import BusyError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ombud.lake import Lake


def test_the_second_writer_is_told_who_holds_it(lake: Lake, posts: pa.Table) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
        with pytest.raises(BusyError, match=f"process {os.getpid()} "), lake.writing(wait=0.1):
            pass
        assert lake.read("posts").num_rows == 0
    assert lake.read("posts").num_rows == 60


def test_it_can_be_taken_again_and_again(tmp_path: Path) -> None:
    for _ in range(3):
        with writer_lock(tmp_path, 0):
            assert (tmp_path / ".lock").is_file()


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from ombud.lake.lock import writer_lock
        with writer_lock(Path(sys.argv[1]), 0):
            print("held", flush=True)
            signal.pause()
        """
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=f"process {process.pid} "), writer_lock(tmp_path, 0):
            pass
        process.kill()
        process.wait()
        with writer_lock(tmp_path, 0):
            pass


def test_the_arguments_of_the_holder_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/ombud", "erase", "somebody"])
    with (
        writer_lock(tmp_path, 0),
        pytest.raises(BusyError, match="`ombud erase`") as error,
        writer_lock(tmp_path, 0),
    ):
        pass
    assert "somebody" not in str(error.value)
