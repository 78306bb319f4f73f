"""Figures drawn on the server: pure functions from a finding to shapes, which templates write as SVG."""
