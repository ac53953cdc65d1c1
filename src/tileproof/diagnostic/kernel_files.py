"""What a kernel's own files say that cannot be taken: kernel.toml, its Python, its templates, and sounds."""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import KERNEL_CODE
from tileproof.diagnostic.entry import Change, Entry, Example

_SHOW = "tileproof show double --kernels kernels"
_RENDER = "tileproof render double --kernels kernels"
_VERIFY = "tileproof verify double --kernels kernels"
_FOLDER = "kernels/double/"


def _refusal(id_: str, sentence: str, fix: str, cause: str, example: Example | None = None) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, fix=fix, cause=cause, example=example)


def _toml(*changes: tuple[str, str], command: str = _SHOW) -> Example:
    """The spec of the kernel with other words."""
    made = tuple(Change(_FOLDER + "kernel.toml", right, wrong) for right, wrong in changes)
    return Example(command=command, changes=made)


def _file(name: str, right: str, wrong: str, command: str = _RENDER) -> Example:
    """Another file of the kernel; a new one where `right` is empty."""
    return Example(command=command, changes=(Change(_FOLDER + name, right, wrong),))


def _before_core(text: str) -> tuple[str, str]:
    """A table more in kernel.toml."""
    return "[core]", f"{text}\n\n[core]"


_MORE_BUFFER = """[[buffers]]
name = "{name}"
way = "in"
dtype = "i32"
parts = [{{ name = "{name}", shape = ["count"], scale = 1.0 }}]

"""
_CASES = """[[cases]]
name = "ramp"
draw = "ramp"

[[cases]]
name = "random"
draw = "random"
seed = 7
"""

SPECS = (
    _refusal(
        "unknown-kernel",
        "There is no kernel of that name.",
        "`tileproof list` names them all; --kernels DIR looks in another folder",
        "A kernel is a folder with a kernel.toml, and commands know it by the name of its folder.",
    ),
    _refusal(
        "no-kernels",
        "A folder of kernels is not there, or holds none.",
        "name a folder that holds one folder per kernel, each with a kernel.toml",
        "`--kernels` names the folder above the kernels, and not the folder of one kernel.",
    ),
    _refusal(
        "folder-name",
        "A kernel calls itself otherwise than its folder.",
        "write the name of the folder into kernel.toml, or rename the folder",
        "Commands and build folders know a kernel by the name of its folder, and its files by the name that it gives "
        "itself. With two names, one of them would find another kernel.",
        _toml(('name = "double"', 'name = "twice"')),
    ),
    _refusal(
        "not-text",
        "A file that should be text is not UTF-8.",
        "save the file as UTF-8",
        "Specs, templates, designs and tile code are read as UTF-8. A byte that is none would be guessed at, and the "
        "compiler would guess otherwise.",
    ),
    _refusal(
        "not-toml",
        "A kernel.toml is not valid TOML.",
        "mend the line that is named",
        "Nothing of the file is taken until all of it can be read: half a spec would build another kernel.",
        _toml(("[sizes]", "[sizes")),
    ),
    _refusal(
        "unknown-key",
        "A table of kernel.toml has a key that nobody knows.",
        "correct its name, or remove it",
        "A misspelt key that is passed over would leave the default in its place, and nobody would notice.",
        _toml(("stack_size = 1024", "stack = 1024")),
    ),
    _refusal(
        "missing-key",
        "A table of kernel.toml lacks a key that it must have.",
        "add the key",
        "It has no default: whichever were chosen would be wrong for most kernels.",
        _toml(('about = "twice the input and one"\n', "")),
    ),
    _refusal(
        "wrong-type",
        "A value in kernel.toml has the wrong type.",
        "write the value as the type that is named",
        "Text in quotes is no number, and a number is no text; nothing is turned into the other without being asked.",
        _toml(("stack_size = 1024", 'stack_size = "1024"')),
    ),
    _refusal(
        "wrong-value",
        "A value in kernel.toml is none of those that it can be.",
        "write one of the words that are listed",
        "The key takes one of a few words, and each has a meaning of its own. There is none to fall back to.",
        _toml(('way = "in"', 'way = "input"')),
    ),
    _refusal(
        "empty-list",
        "A list in kernel.toml is empty.",
        "write what belongs there; leave an optional key away",
        "A list without anything in it says nothing, and what it is for needs at least one.",
        _toml(('targets = ["npu1", "npu2"]', "targets = []")),
    ),
    _refusal(
        "bad-name",
        "A name has characters that it cannot have.",
        "use letters, digits and _, and begin with a letter; names of files may also have a point and -",
        "Names of kernels, buffers and functions become names in C++ and MLIR, and names of files become words of "
        "command lines. There they would end early, or mean something else.",
        _toml(('function = "double_tile"', 'function = "double-tile"')),
    ),
    _refusal(
        "name-taken",
        "Two things of a kernel have the same name.",
        "give each a name of its own",
        "Buffers and scratch become symbols of one design, sizes and constants names in one template, and a case is "
        "asked for by its name. Of two with one name, nobody could say which is meant.",
        _toml(('name = "random"', 'name = "ramp"')),
    ),
    _refusal(
        "unknown-target",
        "A kernel names a target that there is not.",
        "name npu1, npu2 or both",
        "The targets are the NPUs whose arrays tileproof knows: npu1 is Phoenix and Hawk Point, npu2 is Strix, Strix "
        "Halo and Krackan.",
        _toml(('targets = ["npu1", "npu2"]', 'targets = ["npu1", "npu3"]')),
    ),
    _refusal(
        "other-target",
        "A kernel is not made for the target that was asked for.",
        "name one of its targets with --target, or add the target to kernel.toml and prove it there",
        "Its kernel.toml lists the NPUs that it was written for. On another one its tiles may not fit, and nobody has "
        "proved it.",
        _toml(('targets = ["npu1", "npu2"]', 'targets = ["npu2"]'), command=f"{_RENDER} --target npu1"),
    ),
    _refusal(
        "unknown-size",
        "A size is named that the kernel does not have.",
        "correct the name, or add the size to [sizes]",
        "The extents of shapes, and `--set`, name keys of [sizes]; extents of scratch also name constants.",
        _toml(('shape = ["count"]', 'shape = ["cuont"]')),
    ),
    _refusal(
        "not-positive",
        "A size, an extent, a depth or a scale is not above 0.",
        "give it a positive number",
        "An extent of 0 leaves nothing to move, a fifo without objects hands nothing on, and by a scale of 0 no number "
        "can be divided.",
        _toml(("count = 64", "count = 0")),
    ),
    _refusal(
        "out-of-range",
        "A number lies outside what can be used.",
        "give a number inside the range that is named",
        "A seed begins at 0, a correlation lies between -1 and 1, and a partition has at least one column and no more "
        "than the array.",
        _toml(("seed = 7", "seed = -7")),
    ),
    _refusal(
        "bad-stack-size",
        "The stack size of a core cannot be used.",
        "write a multiple of 32, such as 1024, or more if the tile function's frames need it",
        "The stack lies at the beginning of the core's memory, and buffers begin behind it, at multiples of 32 bytes. "
        "It must leave room for them.",
        _toml(("stack_size = 1024", "stack_size = 1000")),
    ),
    _refusal(
        "bad-tolerance",
        "A tolerance has no size or no reason.",
        "give `absolute` in steps of the output's type, and say in `because` where the steps come from",
        "A tolerance without a reason is soon widened until everything passes. 0 is a size.",
        _toml(('because = "whole numbers are exact"', 'because = ""')),
    ),
    _refusal(
        "no-tolerance",
        "An output has no tolerance, or a tolerance names no output.",
        "let kernel.toml have one [tolerance.NAME] for each part of each output",
        "There is no default tolerance: whatever it were, it would pass wrong kernels or refuse right ones.",
        _toml(("[tolerance.y]", "[tolerance.z]")),
    ),
    _refusal(
        "no-input-or-output",
        "A kernel has no inputs, or no outputs.",
        'give one of the buffers `way = "in"`, and another `way = "out"`',
        "What reads nothing or writes nothing cannot be compared with a golden model.",
        _toml(('way = "out"', 'way = "in"')),
    ),
    _refusal(
        "too-many-buffers",
        "A kernel has more buffers than one can be passed.",
        "join some of them: a buffer may have several parts",
        "XRT's kernel takes as many buffers as its xclbin declares. Every mlir-aie declares five, and only newer ones "
        "more, up to 16.",
        _toml(_before_core("".join(_MORE_BUFFER.format(name=name) for name in "abcd").strip())),
    ),
    _refusal(
        "not-an-integer-type",
        "A buffer is of a type that has no whole steps.",
        "use an integer type, and a scale",
        "Cases are drawn and outputs are compared in whole steps of the buffer's type. A floating-point type has steps "
        "of many sizes.",
        _toml(('dtype = "i32"', 'dtype = "bf16"')),
    ),
    _refusal(
        "buffer-not-whole-words",
        "A buffer or a scratch buffer is no whole number of 32-bit words.",
        "choose sizes that make it a multiple of 4 bytes",
        "A DMA moves words of 4 bytes, and memory is given out in them. What is left over would be moved with its "
        "neighbour, or not at all.",
        _toml(('dtype = "i32"', 'dtype = "i8"'), ("count = 64", "count = 63")),
    ),
    _refusal(
        "no-cases",
        "A kernel has no cases.",
        "add at least one [[cases]] with a name and a draw function",
        "Nothing would be run and nothing compared, and a kernel that nobody has run would pass.",
        _toml(('targets = ["npu1", "npu2"]', 'targets = ["npu1", "npu2"]\ncases = []'), (_CASES, "")),
    ),
)

PYTHON = (
    _refusal(
        "no-python",
        "A kernel lacks its golden.py or its cases.py.",
        "write the file; the other kernels show how",
        "The inputs of every case are drawn by cases.py, and golden.py says what is right. Without them nothing is "
        "proved.",
        _file("golden.py", 'def golden(x):\n    return {"y": 2 * x + 1}\n', "", _VERIFY),
    ),
    _refusal(
        "python-fails",
        "A kernel's own Python fails.",
        "mend the line that is named; a test of the kernel's own finds this sooner",
        "They are run as they are: golden.py, cases.py, constants.py and integer.py. One of them has raised an "
        "exception, or cannot be read.",
        _file("constants.py", "", 'def constants(sizes, scales):\n    return {"half": sizes["cuont"] // 2}\n'),
    ),
    _refusal(
        "no-function",
        "A kernel's Python has no function of the name that is asked for.",
        "write the function, or correct the name",
        "A golden.py has a function `golden`, constants.py a function `constants`, and cases.py one for each `draw` of "
        "kernel.toml.",
        _file("constants.py", "", 'def numbers(sizes, scales):\n    return {"half": sizes["count"] // 2}\n'),
    ),
    _refusal(
        "other-shape",
        "A kernel's Python returns other arrays than kernel.toml says.",
        "return one array per part, with the part's name and shape",
        "Each part has a name and a shape in kernel.toml. An array of another shape would be compared with other "
        "elements, or with none.",
        _file("golden.py", "2 * x + 1", "2 * x[1:] + 1", _VERIFY),
    ),
    _refusal(
        "golden-not-finite",
        "A golden model says an infinity or a NaN.",
        "let golden say what is right there, or let cases.py draw other inputs",
        "It is mostly a division by zero or the logarithm of zero. Cut to the range of the output's type it would be "
        "the type's end, and a kernel that always answers that would be right.",
        _file("golden.py", "2 * x + 1", '2 * x + float("inf")', _VERIFY),
    ),
    _refusal(
        "python-ends",
        "A kernel's Python ended the process that it runs in.",
        "let it return what it is asked for",
        "Cases, golden model and integer specification run in a process of their own, before anything runs on a "
        "device. `os._exit`, a signal or a crash of a library ends it, and then nobody knows what is right.",
        _file("golden.py", '    return {"y": 2 * x + 1}', "    import os\n\n    os._exit(0)", _VERIFY),
    ),
    _refusal(
        "name-of-a-product",
        "A file of the kernel has the name of one that the build makes.",
        "give the file another name",
        "All of them lie in one folder. What is rendered would be taken for what is compiled, or the other way round, "
        "and no build would come to an end.",
        _file("cxx.txt.j2", "", "mine\n", "tileproof build double --kernels kernels"),
    ),
    _refusal(
        "not-a-file",
        "A file of the kernel is none.",
        "put the text there, or remove it",
        "It is a folder, a link to a device or a pipe, which would be read without an end, or a link to nothing.",
        _file("table.hpp/readme.txt", "", "table.hpp is a folder\n"),
    ),
    _refusal(
        "not-plain",
        "A kernel's Python returns what cannot be passed on.",
        "return numbers, texts, lists, dicts and arrays of numbers",
        "It runs in a process of its own, and only plain values leave that. Templates and integer.py need no others.",
        _file("constants.py", "", 'def constants(sizes, scales):\n    return {"table": object()}\n'),
    ),
    _refusal(
        "cannot-refuse",
        "The cases that were asked for would pass a kernel that computes nothing.",
        "run a case with them that draws varied inputs, lower the tolerance, or give the output a scale whose steps "
        "golden's answer spans",
        "Before a run, zeros, constants, what outputs are filled with, the inputs, the answer of the run before and "
        "another case's answer are held against what each run expects. One of them would pass every run, so a pass "
        "would say nothing, and the kernel is not run.",
        Example(
            command=_VERIFY,
            changes=(
                Change(
                    "kernels/double/cases.py",
                    '    return {"x": np.arange(sizes["count"]) - 20.0}',
                    '    return {"x": np.zeros(sizes["count"])}',
                ),
                Change(
                    "kernels/double/cases.py",
                    '    return {"x": rng.integers(-1000, 1000, sizes["count"]).astype(float)}',
                    '    return {"x": np.zeros(sizes["count"])}',
                ),
            ),
        ),
    ),
    _refusal(
        "nan-drawn",
        "A case draws a NaN.",
        "draw numbers",
        "Inputs are rounded to whole steps, and a NaN has no integer. What would be passed instead depends on the "
        "machine.",
        _file("cases.py", 'np.arange(sizes["count"]) - 20.0', 'np.full(sizes["count"], np.nan)', _VERIFY),
    ),
    _refusal(
        "sizes-refused",
        "A kernel's constants.py refuses its sizes and scales.",
        "change them, or the --set that was given",
        "A ValueError of constants.py says for what the kernel was not written. To build it all the same would be to "
        "build something that its author refuses.",
        _file(
            "constants.py",
            "",
            "def constants(sizes, scales):\n"
            '    if sizes["count"] % 128:\n'
            '        raise ValueError("count must be a multiple of 128")\n'
            "    return {}\n",
        ),
    ),
    _refusal(
        "table-type",
        "A table of constants.py is of a type that the device does not have.",
        'return array("i", ...) or another of the types that are listed; tile code does not see a list',
        "An array becomes a table in the tile code, and its type code says of which type. The device has integers of "
        "8, 16, 32 and 64 bits, and floats of 32.",
        _file(
            "constants.py",
            "",
            "from array import array\n\n\n"
            'def constants(sizes, scales):\n    return {"table": array("d", [0.5, 0.25])}\n',
        ),
    ),
)

TEMPLATES = (
    _refusal(
        "template-syntax",
        "A template cannot be read.",
        "statements are lines that begin with %%, comments begin with %#, values are ${...}",
        "Templates are Jinja's with other marks, because Jinja's own stand for something else in MLIR.",
        _file("half.hpp.j2", "", "%% for number in numbers\nconstexpr int half = ${count // 2};\n"),
    ),
    _refusal(
        "undefined-name",
        "A template uses a name that nobody defines.",
        "correct the name, or let constants.py return it",
        "Templates see the sizes, the constants and what tileproof says of the kernel. A name that is none of these "
        "would be written as nothing.",
        _file("half.hpp.j2", "", "constexpr int half = ${half};\n"),
    ),
    _refusal(
        "template-fails",
        "An expression in a template fails.",
        "compute the value in constants.py, where it has a name and can be tested",
        "Templates lay out text, and numbers arrive finished. Python has raised an exception at the line that is "
        "named.",
        _file("half.hpp.j2", "", "constexpr int half = ${count // 0};\n"),
    ),
    _refusal(
        "two-sources",
        "A file of a build would come from two places.",
        "remove one of the two",
        "A kernel has both a file and a template that is rendered to the same name. One would be built, and the other "
        "edited.",
        _file("tile.cc.j2", "", "// ${kernel}\n"),
    ),
    _refusal(
        "no-tile-code",
        "A kernel has no tile code.",
        "write tile.cc with the function that [core] names",
        "The core calls a function of C++, and no file of the kernel ends in .cc or .cc.j2.",
        _file("tile.cc", KERNEL_CODE, "", "tileproof build double --kernels kernels"),
    ),
    _refusal(
        "bad-define",
        "A macro that tile code is to be compiled with cannot be one.",
        "write NAME or NAME=VALUE, with a name of the kernel's own",
        "The name is no identifier, or belongs to the compilers or to tileproof, or is there twice; or the value is "
        "no line of text. __AIE_ARCH__ and its like follow from the target: another value would choose code that the "
        "NPU does not run.",
        _toml(("stack_size = 1024", 'stack_size = 1024\ndefines = ["__AIE_ARCH__=21"]')),
    ),
    _refusal(
        "no-include-folder",
        "A folder that tile code is to include from is not there.",
        "correct the path; one in kernel.toml begins at the kernel's folder",
        "A compiler passes over such a folder without a word, and misses what lies in it only where it is included.",
        _toml(
            ("stack_size = 1024", 'stack_size = 1024\nincludes = ["../shared"]'),
            command="tileproof build double --kernels kernels",
        ),
    ),
)

BANKS = (
    _refusal(
        "bad-place",
        "A place in the core's memory cannot be had.",
        "write `{ bank = 0 }`, `{ bank = [0, 1] }` or `{ address = [0x4000, 0x8000] }`: a number per object",
        "A core has banks 0 to 3. An address is a multiple of 32 behind the stack. A buffer asks for one of the two, "
        "and a scratch buffer for one place.",
        _toml(_before_core("[banks.tile]\nx = { bank = 7 }")),
    ),
    _refusal(
        "bad-memory",
        "A memory has a name or a size that no xclbin can have.",
        'write for instance `DDR = "64MB"`: up to 15 ASCII characters, and a whole number with KB, MB or GB',
        "The tag of a memory has 16 bytes in an xclbin, the last of them 0, and its size is a number of KB.",
        _toml(_before_core('[banks.memory]\nDDR = "64 megabytes"')),
    ),
    _refusal(
        "unknown-memory",
        "A buffer is to be connected to a memory that the xclbin does not have.",
        "name one that it has, or add it: [banks.memory] of kernel.toml, or --mem NAME=64MB",
        "An xclbin lists its memories by their tags. aiecc writes HOST and SRAM; others are there only if they are "
        "given a size.",
        _toml(_before_core('[banks.host]\nx = "DDR"')),
    ),
    _refusal(
        "unknown-buffer",
        "A place is asked for something that is no buffer of the kernel.",
        "name a buffer of kernel.toml, or scratch of its core",
        "On the host's side buffers and `instr` have a bank; on the core's side buffers and scratch have a place.",
        _toml(_before_core('[banks.host]\nz = "SRAM"')),
    ),
    _refusal(
        "banks-not-asked",
        "The design does not ask for the places that [banks] gives.",
        "write ${buffer.attributes} and ${tile_attributes} where the shared design.mlir.j2 has them",
        "A kernel with a design template of its own must hand the wishes of [banks] on. Otherwise mlir-aie never hears "
        "of them, and the buffers lie where they lay before.",
    ),
)

SOUNDS = (
    _refusal(
        "takes-no-sound",
        "A kernel does not take a sound.",
        "use --wav with the mel kernel; or give the kernel a [sound] whose length is the size of its only input",
        "A sound is cut into frames, and each frame is one input. That takes a [sound], one input of `length` samples, "
        "and one output.",
        _toml(_before_core("[sound]\nlength = 32\nhop = 16\nsample_rate = 16000\ncorrelation = 0.9")),
    ),
    _refusal(
        "not-a-wav",
        "A sound is not a PCM WAV.",
        "convert it, for instance: ffmpeg -i IN -c:a pcm_s16le OUT.wav",
        "Samples of PCM are what was recorded. What is compressed would be decoded here and elsewhere to other "
        "samples, and two machines would not verify the same input.",
    ),
    _refusal(
        "no-sound",
        "A WAV holds no samples, or has the sample rate of no sound.",
        "record or export it again",
        "There is nothing to cut into frames. Rates outside 1,000 to 768,000 Hz are those of a damaged header.",
    ),
)
