"""Pages for one of the platform's people about themselves: who read what, taking access back, taking it along."""
