"""Parse errors that say more than where they are."""

from __future__ import annotations

from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from tileproof.mlir.budget import Bound


class RefusedText(ParseError):  # noqa: N818  as Problem, which it becomes
    """What is wrong at `span`, in words of ours: the whole sentence, and the fix. Without a `why` the line is shown."""

    def __init__(self, span: Span[str], what: str, *, fix: str, why: str = "", id: str) -> None:
        super().__init__(span, what)
        self.why, self.fix, self.id = why, fix, id

    @classmethod
    def beyond(cls, bound: Bound, span: Span[str], what: str, *, fix: str) -> RefusedText:
        return cls(span, what, fix=fix, why=bound.why, id="TP006")
