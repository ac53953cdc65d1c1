"""Verdicts, designs and banks as text, JSON and JUnit: pure functions."""
