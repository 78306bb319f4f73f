"""Run the command line as `python -m ombud`."""

from __future__ import annotations

from ombud.cli import main

if __name__ == "__main__":
    main()
