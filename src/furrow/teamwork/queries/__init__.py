"""Answers about working together."""
