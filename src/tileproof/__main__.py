"""`python -m tileproof` and the command `tileproof`: how the process ends whenever a signal comes, and its streams.

Both come first: importing the rest takes a tenth of a second, and people press Ctrl-C in that, too.
"""

import os

try:
    import signal
    import sys
    from collections.abc import Callable, Sequence
    from types import FrameType
except KeyboardInterrupt:
    os._exit(130)

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code; 128 and the number of the signal that ended it, as shells have it."""
    code = _run(argv)
    if code - 128 in _ENDING:
        from tileproof.processes import end_below

        end_below(os.getpid())  # also what was just being started
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        _on_signals(_leave)
        _open_streams()
        from tileproof.cli import main as command

        _on_signals(_interrupt)
        return command(argv)
    except KeyboardInterrupt as error:
        return getattr(error, "exit_code", 130)
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    finally:
        _on_signals(_end_at_once)


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Of a signal that whoever started us ignores (nohup, `&` in a script), nothing is heard here either."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    """While nothing has begun there is nothing to put in order."""
    os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What has begun puts itself in order; whoever cannot wait for that sends another."""
    from tileproof.errors import Interrupted

    _on_signals(_end_at_once)
    raise Interrupted(number)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    from tileproof.processes import end_below

    end_below(os.getpid())
    os._exit(128 + number)


def _open_streams() -> None:
    """Where the shell closed some (`>&-`), nobody wants to hear; the next file that is opened must not be taken for
    them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


if __name__ == "__main__":
    sys.exit(main())
