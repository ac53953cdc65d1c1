"""Whether a program looks at how its runs ended: XRT returns ERROR, ABORT and TIMEOUT as it returns COMPLETED."""

from __future__ import annotations

import dis
import sys
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

from tileproof.emulator.journal import HIDES, RISKS, caller, is_ours, journal
from tileproof.xrt import COMPLETED, state_name


@dataclass(eq=False)
class Watch:
    """One run as its program treats it, from its start until `told`."""

    started: str = ""  # the line that started it, while nobody has waited
    unseen: str = ""  # the line that threw a state away
    state: int = 0

    def starts(self) -> None:
        self.started = caller()
        journal.open.add(self)

    def ends(self, state: int) -> None:
        self.state = state

    def waited(self) -> None:
        """A state goes back to the program: does the line that asked for it use it?"""
        self.started = ""
        # Only where the program itself asked; what a library between makes of a state is its own affair.
        frame = sys._getframe(2)
        thrown_away = not is_ours(frame) and _drops_what_returns(frame.f_code, frame.f_lasti)
        self.unseen = caller() if thrown_away else ""
        if self.unseen and journal.strict:
            self.told()

    def looked_at(self) -> None:
        self.started = self.unseen = ""

    def told(self) -> None:
        """Note what the program has not looked at."""
        journal.open.discard(self)
        if self.started:
            _note(HIDES, "a run was started and never waited for", self.started, "nobody knows how it ended")
        elif self.unseen:
            _note(
                RISKS if self.state == COMPLETED else HIDES,
                "nobody looked at the state that run.wait() returned",
                self.unseen,
                f"it was {state_name(self.state)}; wait returns ERROR, ABORT and TIMEOUT in the same way, and raises "
                "nothing",
            )
        self.looked_at()


def _note(weight: int, what: str, where: str, why: str) -> None:
    fix = "assert run.wait() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, or run.wait2(), which raises"
    journal.note(weight, what, why, fix, where=where)


@lru_cache
def _drops_what_returns(code: CodeType, call: int) -> bool:
    """Whether a call stands alone: Python's next instruction drops its value."""
    following = next((step for step in dis.get_instructions(code) if step.offset > call), None)
    return following is not None and following.opname == "POP_TOP"
