"""Finds tools and runs them to know what they are. A tool that was only found is not yet present."""
