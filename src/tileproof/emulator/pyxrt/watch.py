"""Whether a program looks at how its runs ended: XRT returns ERROR, ABORT and TIMEOUT as it returns COMPLETED."""

from __future__ import annotations

import dis
import sys
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType

from tileproof.diagnostic import NOWHERE, Diagnostic, Place
from tileproof.emulator.pyxrt.journal import caller, is_ours, journal
from tileproof.xrt import COMPLETED, state_name


@dataclass(eq=False)
class Watch:
    """One run as its program treats it, from a start until `told`."""

    started: Place = NOWHERE  # the line that started it, while the program does not know that it has ended
    unseen: Place = NOWHERE  # the line that threw away how it ended
    state: int = 0

    def starts(self) -> None:
        self.told()
        self.started = caller()
        journal.open.add(self)

    def listed(self) -> None:
        """A list starts it once more, and waits for it: XRT executes the commands of a context in their order, so that
        an earlier start of the same run has ended by then."""
        self.started = NOWHERE

    def returned(self, state: int, *, has_ended: bool) -> None:
        """wait gives a state back: does the line of the program use it?"""
        if not has_ended:
            return
        self.started = NOWHERE
        # Only where the program itself asked; what a library between makes of a state is its own affair.
        if not _is_dropped(sys._getframe(2)):
            self.unseen = NOWHERE
            return
        self.unseen, self.state = caller(), state
        if journal.strict:
            self.told(may_raise=True)

    def looked_at(self, *, has_ended: bool) -> None:
        if has_ended:
            self.started = self.unseen = NOWHERE

    def told(self, *, may_raise: bool = False) -> None:
        """Write down what the program has not looked at; a finalizer that calls this must not raise."""
        mistake = self._mistake() if self in journal.open else None
        self.started = self.unseen = NOWHERE
        journal.open.discard(self)
        if mistake is not None:
            journal.write(mistake, may_raise=may_raise)

    def _mistake(self) -> Diagnostic | None:
        fix = "assert run.wait() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, or run.wait2(), which raises"
        if self.started:
            return Diagnostic(
                id="never-waited",
                what="a run was started and never waited for",
                place=self.started,
                why="nobody knows how it ended",
                fix=fix,
            )
        if self.unseen:
            return Diagnostic(
                id="state-unseen" if self.state == COMPLETED else "failure-unseen",
                what="nobody looked at the state that run.wait() returned",
                place=self.unseen,
                why=f"it was {state_name(self.state)}; wait returns ERROR, ABORT and TIMEOUT in the same way, and "
                "raises nothing",
                fix=fix,
            )
        return None


def _is_dropped(frame: FrameType) -> bool:
    if journal.foreign is not None:
        return journal.foreign.drops_result()
    return not is_ours(frame) and _drops_what_returns(frame.f_code, frame.f_lasti)


@lru_cache
def _drops_what_returns(code: CodeType, call: int) -> bool:
    """Whether a call stands alone: Python's next instruction drops its value."""
    following = next((step for step in dis.get_instructions(code) if step.offset > call), None)
    return following is not None and following.opname == "POP_TOP"
