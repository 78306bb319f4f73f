"""A synthetic platform and its adversaries, for tests, benchmarks and illustrations."""
