"""From a kernel to verdicts: requests, cases, canary, sessions, hosts, comparing, deciding."""
