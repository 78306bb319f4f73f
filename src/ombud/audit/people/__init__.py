"""Exact sets of people by app, and their friendships: kept beside the lake and up to it."""
