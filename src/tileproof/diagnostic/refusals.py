"""Refusals: what a person asked for on the command line that cannot be taken."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example


def _refusal(id_: str, sentence: str, fix: str, cause: str, example: Example | None = None) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, fix=fix, cause=cause, example=example)


_EMULATE = "tileproof emulate design.mlir --tile-code tile.cc"
_VERIFY = "tileproof verify double --kernels kernels"
_ARGUMENTS = "%a: memref<256xi32>, %b: memref<256xi32>)"


def _design(command: str, *changes: tuple[str, str]) -> Example:
    return Example(command=command, changes=tuple(Change("design.mlir", right, wrong) for right, wrong in changes))


REFUSALS = (
    _refusal(
        "wrong-usage",
        "The command line cannot be read.",
        "`tileproof COMMAND --help` lists what can be asked",
        "A command or an option is not known, or a value is not of its kind.",
    ),
    _refusal(
        "no-subject",
        "A command was given nothing to work on.",
        "name a kernel or a file; `tileproof COMMAND --help` says which",
        "The command has no subject of its own to fall back to.",
    ),
    _refusal(
        "missing-option",
        "An option or a file is missing that another one needs.",
        "add what is named",
        "Two things belong together, such as an xclbin and its instructions, and only one of them was given. To guess "
        "the other would be to run something else.",
    ),
    _refusal(
        "option-conflict",
        "Two options do not go together.",
        "leave one of the two out",
        "Each has a meaning, and no run has both. Whichever were passed over would be missed later.",
    ),
    _refusal(
        "option-of-others",
        "An option was given with a subject that has no use for it.",
        "leave the option out, or name a subject of the kind that it is for",
        "Some options are for designs, some for xclbins, some for kernels, and some for one kernel at a time. An "
        "option that does nothing would seem to have done something.",
    ),
    _refusal(
        "given-twice",
        "The same thing was given twice.",
        "keep one of the two",
        "The two may differ, and nobody could say which of them counts.",
    ),
    _refusal(
        "not-a-number",
        "A value on the command line is not a number.",
        "write for instance `--set count=64` or `--bank x=0,1`",
        "Sizes, banks and addresses are whole numbers; banks and addresses may be several, with commas between them.",
    ),
    _refusal(
        "unknown-case",
        "A kernel has no case of that name.",
        "name one of its cases; without --case all are run",
        "Cases are known by the names that they have in kernel.toml. A name that is passed over would be a case that "
        "nobody has run.",
        Example(
            command=f"{_VERIFY} --case ramp",
            changes=(Change("kernels/double/kernel.toml", 'name = "ramp"', 'name = "slope"'),),
        ),
    ),
    _refusal(
        "unknown-sequence",
        "A design has no runtime sequence of that name.",
        "name one that is listed; without --sequence the first is run",
        "A design may have several runtime sequences, and one of them is run.",
        _design(f"{_EMULATE} --sequence run --arg 0=ones --arg 1=zeros", ("@run(", "@first(")),
    ),
    _refusal(
        "full-elf-only",
        "A runtime sequence sets the array up anew under way, and a pair was to be built of it.",
        "build a full ELF: --full-elf-name aie.elf; or each device by itself, with --device-name",
        "An xclbin has one configuration for each of its kernels, and the instructions beside it change none. For an "
        "NPU such a design is packed as a full ELF.",
    ),
    _refusal(
        "same-kernel",
        "Two kernels of one xclbin would have the same name or the same id.",
        "give the second others: --xclbin-kernel-name NAME --xclbin-kernel-id 0x902",
        "A host opens a kernel by its name, and the firmware finds its configuration by its id.",
    ),
    _refusal(
        "unknown-device-name",
        "A file has no device of that name.",
        "name one that is listed; without --device-name @main is taken, or the first",
        "A file may hold several `aie.device`, each with a name; one without a name is called main.",
        _design(
            f"{_EMULATE} --device-name main --arg 0=ones --arg 1=zeros",
            ("aie.device(npu1) @main {", "aie.device(npu1) @other {"),
        ),
    ),
    _refusal(
        "unknown-argument",
        "There is no argument of that number or name.",
        "give one of those that are listed",
        "Arguments of a runtime sequence are counted from 0. An xclbin knows its own by name or by number.",
        _design(
            f"{_EMULATE} --arg 0=ones --arg 1=zeros",
            (_ARGUMENTS, "%b: memref<256xi32>)"),
            ("(%a[", "(%b["),
        ),
    ),
    _refusal(
        "argument-without-value",
        "An argument of the runtime sequence has no value.",
        "write --arg N=FILE.npy, or --arg N=zeros, ones or random",
        "The emulator makes a buffer of the host for each argument. What is in it is not chosen for you: outputs of "
        "zeros would look like an answer.",
        _design(
            f"{_EMULATE} --arg 0=ones --arg 1=zeros",
            (_ARGUMENTS, "%a: memref<256xi32>, %b: memref<256xi32>, %c: memref<256xi32>)"),
        ),
    ),
    _refusal(
        "argument-value",
        "An argument cannot be made of what was given for it.",
        "write zeros, ones, random or a FILE.npy that numpy.save has written, and a type as zeros:4096xi8",
        "A value is a word, with a type behind it if need be, or a file with one array.",
    ),
    _refusal(
        "argument-type",
        "An argument was given elements of another type or number than the sequence takes.",
        "give as many elements, of the type that the runtime sequence declares",
        "The transfers of the sequence count on its own types. Other bytes would be moved, or not enough of them.",
        _design(f"{_EMULATE} --arg 0=ones:256xi32 --arg 1=zeros", ("256", "128")),
    ),
    _refusal(
        "unknown-lowering",
        "What that version of mlir-aie makes of a design is not known here.",
        "choose a version that is listed, or --print",
        "Of some versions of mlir-aie only the spelling was looked at. What they lower to would be a guess.",
    ),
    _refusal(
        "nothing-to-compare",
        "Two files have nothing to compare.",
        "name two xclbins, or two insts.bin",
        "An xclbin is a container with machine code and tables, and instructions are a list of words.",
    ),
    _refusal(
        "nothing-known",
        "There is nothing in a text that tileproof knows.",
        "give the message as XRT printed it, or a whole log: `tileproof explain < log.txt`",
        "`explain` knows tileproof's own ids, group ids, banks, states of a command, error codes, and messages of XRT, "
        "its NPU shim and driver, aiecc, aie-opt, the linker and Peano. To guess at others would mislead.",
    ),
    _refusal(
        "unknown-id",
        "There is no id of that name.",
        "`tileproof explain --list` prints them all",
        "Ids are those of the catalogue, in whatever letters; a check is also found by its name.",
    ),
    _refusal(
        "no-example",
        "There is no example of an id.",
        "`tileproof explain ID` says what there is to say",
        "An example is a folder of files and one command. Some ids take an NPU, a tool of others or another command "
        "line, which no file can bring.",
    ),
    _refusal(
        "folder-in-use",
        "A folder that would be written to has something in it.",
        "name a folder that is not there",
        "The example would be mixed with what is there, and may overwrite it.",
    ),
    _refusal(
        "unreadable-file",
        "A file cannot be read.",
        "check the path",
        "It is not there, is a folder, or belongs to somebody else.",
    ),
    _refusal(
        "output-not-written",
        "What was asked for cannot be written.",
        "choose another path",
        "The folder is not there, is no folder, is full, or belongs to somebody else. Files are written whole or not "
        "at all, so nothing is left half done.",
        Example(
            command="tileproof render double --kernels kernels -o rendered",
            changes=(Change("rendered", "", "a file of that name\n"),),
        ),
    ),
    _refusal(
        "would-overwrite",
        "A file that is read, or was just written, would be overwritten.",
        "name another file",
        "There would be nothing left to compare with, or to go back to.",
    ),
    _refusal(
        "session-in-use",
        "Another session writes to that folder.",
        "wait for its end, or choose another folder",
        "Two sessions in one folder would mix their verdicts. The log there names the process that has it.",
    ),
    _refusal(
        "interrupted",
        "A session was interrupted.",
        "the same command with --resume goes on",
        "Ctrl-C or SIGTERM has ended it. What it had proved is kept, and what it had not is not listed.",
    ),
    _refusal(
        "bug",
        "There is a mistake in tileproof itself.",
        "report it, with the log and what it was given",
        "Something happened that tileproof takes for impossible. It says nothing of the kernel.",
    ),
)
