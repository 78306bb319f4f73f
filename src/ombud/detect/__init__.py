"""Find accounts that act together more than their activity and the day's news explain."""
