"""The cycle model: from the assembly of tile code and the counts of its blocks to what a core issues, and how long."""
