"""What was said, in words that help: ids of the catalogue, numbers and messages of XRT, its driver, hosts and tools."""

from tileproof.explain.log import explain, explain_log

__all__ = ["explain", "explain_log"]
