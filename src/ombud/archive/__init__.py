"""The public ad archive: every page, every ad, who paid, and whom it was aimed at."""
