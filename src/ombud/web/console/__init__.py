"""Pages for the platform's staff: cases, accounts, looks, health."""
