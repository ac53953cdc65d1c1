"""What the emulator answers to the inputs that an NPU was given, held against what the NPU answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tileproof import golden
from tileproof.device import open_device
from tileproof.device.recorded import Answer, Recording, inputs_digest
from tileproof.device.runner import LoadedKernel
from tileproof.prepare import Request, build_kernel, render_kernel


def disagreements(recording: Recording, request: Request) -> Iterator[str]:
    """A sentence for every output of every answer that is not the same, byte for byte."""
    rendered = render_kernel(recording.kernel, replace(request, target=recording.target))
    assert rendered.digest == recording.texts, "the kernel has changed since it was recorded"
    built = build_kernel(rendered, replace(request, target=recording.target), lambda _: None)
    buffers = dict(enumerate(rendered.spec.buffers))
    sizes = {number: buffer.nbytes for number, buffer in buffers.items()}
    kernel = LoadedKernel(open_device("emulator"), built.xclbin, built.insts, sizes)
    cases = {case.name: case for case in rendered.spec.cases}
    for answer in recording.answers:
        parts = golden.draw_inputs(rendered.spec, cases[answer.case], answer.seed)
        inputs = {n: golden.joined(buffer, parts) for n, buffer in buffers.items() if buffer.way == "in"}
        assert inputs_digest(inputs) == answer.inputs, f"case {answer.case} draws other inputs by now"
        result = kernel.run(inputs)
        assert (result.state_name, result.faults) == ("ERT_CMD_STATE_COMPLETED", ())
        yield from _differing(answer, {n: buffer.name for n, buffer in buffers.items()}, result.outputs)


def _differing(answer: Answer, names: dict[int, str], here: dict[int, bytes]) -> Iterator[str]:
    for number, data in answer.outputs.items():
        theirs, ours = np.frombuffer(data, np.uint8), np.frombuffer(here[number], np.uint8)
        wrong = int(np.count_nonzero(theirs != ours)) if len(theirs) == len(ours) else len(theirs)
        if wrong:
            where = f"case {answer.case}, seed {answer.seed}: output {names[number]}"
            yield f"{where}: {wrong} of {len(theirs)} bytes differ"
