"""What XRT, its driver and an NPU's host program say, in words that help: numbers, states, error codes, messages."""

from tileproof.explain.explanation import Explanation
from tileproof.explain.log import explain, explain_log

__all__ = ["Explanation", "explain", "explain_log"]
