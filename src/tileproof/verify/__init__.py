"""From a kernel to verdicts: cases, canary, sessions, hosts, comparing, deciding."""
