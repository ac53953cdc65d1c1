"""Any design run by itself: its tile code compiled, its arguments given, its answer and what was found."""
