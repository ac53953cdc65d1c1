"""The array in a process of its own, so that tile code that crashes or never ends takes nothing with it."""
