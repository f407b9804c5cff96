"""Why a graph has no compiled form. Never reaches a user as an error: the manifest keeps the words."""

from __future__ import annotations


class NotCompilable(Exception):
    """`str` of it says what of the graph, and why."""
