"""A kernel small enough to read at a glance, written into a folder: `y = 2 * x + 1` on 64 numbers."""

from __future__ import annotations

from pathlib import Path

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.build.run import Artifacts

DOUBLE = "for (int i = 0; i < count; ++i)\n        y[i] = static_cast<element>(2 * x[i] + 1);"

TOML = """\
name = "{name}"
about = "{about}"
targets = {targets}

[sizes]
count = {count}

[[buffers]]
name = "x"
way = "in"
dtype = "{dtype}"
depth = {depth}
parts = [{{ name = "x", shape = ["count"], scale = 1.0 }}]

[[buffers]]
name = "y"
way = "out"
dtype = "{dtype}"
depth = {depth}
parts = [{{ name = "y", shape = ["count"], scale = 1.0 }}]

[core]
function = "{function}"
stack_size = {stack_size}

[tolerance.y]
absolute = {absolute}
because = "{because}"

[[cases]]
name = "ramp"
draw = "ramp"

[[cases]]
name = "random"
draw = "random"
seed = 7
"""

DEFAULTS = {
    "about": "twice the input and one",
    "targets": '["npu1", "npu2"]',
    "count": 64,
    "dtype": "i32",
    "depth": 2,
    "stack_size": 1024,
    "absolute": 0.0,
    "because": "whole numbers are exact",
}

TILE = """\
#include <cstdint>
#include <aie_api/aie.hpp>

using element = {cpp};
constexpr int count = ${{count}};
{head}
extern "C" void ${{function}}(element *x, element *y) {{
    (void)x;
    (void)y;
    {body}
}}
"""

CASES = """\
import numpy as np


def ramp(rng, sizes):
    return {"x": np.arange(sizes["count"]) - 20.0}


def random(rng, sizes):
    return {"x": rng.integers(-1000, 1000, sizes["count"]).astype(float)}
"""

GOLDEN = """\
def golden(x):
    return {"y": 2 * x + 1}
"""

INTEGER = """\
import numpy as np


def integer(inputs, constants):
    x = inputs["x"]
    return {"y": (2 * x.astype(np.int64) + 1).astype(x.dtype)}
"""


def write_kernel(
    folder: Path, name: str = "double", body: str = DOUBLE, head: str = "", **toml_overrides: object
) -> Path:
    """Write the kernel into `folder / "kernels"`, which is returned. `body` sees `x`, `y`, `count` and `element`.

    `head` stands before the tile function; `toml_overrides` are the fields of TOML.
    """
    fields = {**DEFAULTS, "name": name, "function": f"{name}_tile", **toml_overrides}
    kernel = folder / "kernels" / name
    kernel.mkdir(parents=True, exist_ok=True)
    cpp = {"i8": "int8_t", "i16": "int16_t", "i32": "int32_t"}[str(fields["dtype"])]
    texts = {
        "kernel.toml": TOML.format(**fields),
        "tile.cc.j2": TILE.format(cpp=cpp, head=head, body=body),
        "cases.py": CASES,
        "golden.py": GOLDEN,
        "integer.py": INTEGER,
    }
    for file, text in texts.items():
        (kernel / file).write_text(text)
    return folder / "kernels"


def build_small(folder: Path, name: str = "double", target: str = "npu1", **kernel: object) -> Artifacts:
    """Write the kernel and build it below `folder / "build"`."""
    kernels = write_kernel(folder, name, **kernel)  # type: ignore[arg-type]
    request = BuildRequest(target=target, kernels=kernels, build_dir=folder / "build")
    return build_kernel(render_kernel(name, request), request, lambda _: None)
