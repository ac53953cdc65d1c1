"""Finds the tools of a build. A C++ compiler on PATH is run before it counts as present."""
