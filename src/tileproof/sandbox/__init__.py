"""What foreign code may touch, and how its processes are held to that and ended."""
