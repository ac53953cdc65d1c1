"""What the reader or the lowering refuses, as a finding of the check that it belongs to."""

from __future__ import annotations

import re

from tileproof.check.finding import Finding, finding
from tileproof.errors import Problem
from tileproof.mlir.design import Place

# Problems carry no ids. The first pattern found in the sentence decides; a test per id holds the two together.
_CHECK_OF_SENTENCE = tuple(
    (re.compile(pattern), id_)
    for pattern, id_ in (
        (r"do not fit in its memory", "TP101"),
        (r"asks for bank|cannot lie at address|lie on each other", "TP102"),
        (r"^the stack of the core", "TP201"),
        (r"needs more .* than it has|channel \d+ of .* is taken", "TP312"),
        (r"^dimension \d+ of @.* is too long for", "TP316"),
        (r"is not a whole number of 32-bit words", "TP408"),
        (r"^there is no function|is called with other arguments|^func\.call is not well formed", "TP505"),
        (r"is not the (?:producing|consuming) end|goes through a link", "TP601"),
        (r"^there is no tile", "TP602"),
        (r"a tile is declared after a core", "TP603"),
        (r"^the name @.* is taken|^there are two aie\.", "TP604"),
        (r"^there is no core on|has no memory for buffers", "TP605"),
        (r"cannot reach buffer|^the objects of @.* cannot lie on", "TP606"),
        (r"^there is no device '", "TP607"),
        (r"has an attribute .* that tileproof does not know", "TP003"),
    )
)
_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+)")


def refusal(problem: Problem, otherwise: str, name: str) -> Finding:
    """`problem` as a finding; of check `otherwise` if no other claims it, at the top of `name` if it has no place."""
    id_ = next((id_ for pattern, id_ in _CHECK_OF_SENTENCE if pattern.search(problem.what)), otherwise)
    return finding(id_, problem.what, _place(problem.where, name), problem.why or "", problem.fix)


def _place(where: str | None, name: str) -> Place:
    found = _PLACE.match(where or "")
    return Place(found["file"], int(found["line"]), int(found["column"])) if found else Place(name, 1, 1)
