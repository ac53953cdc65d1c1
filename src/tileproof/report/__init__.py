"""Verdicts, what an emulation found, designs and banks as text, JSON and JUnit: pure functions."""
