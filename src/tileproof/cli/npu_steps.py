"""The steps of a build for an NPU that are ours, which no person calls."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from tileproof.cli.shared import mlir_aie_version
from tileproof.cli.steps import banks_option, banks_read, objects_option, step

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands


def add_commands(commands: Commands) -> None:
    parser = step(commands, "respell", _respell, "design output")
    parser.add_argument("--version", type=mlir_aie_version, required=True)
    parser = step(commands, "place", _place, "design objects output")
    parser.add_argument("--version", type=mlir_aie_version, required=True)
    parser = step(commands, "hold", _hold, "design lowered output")
    parser.add_argument("--version", type=mlir_aie_version, required=True)
    banks_option(parser)
    objects_option(parser)
    parser = step(commands, "stamp", _stamp, "design held built insts addresses lowered xclbin notes")
    parser.add_argument("--version", type=mlir_aie_version, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--digest", required=True)
    banks_option(parser)


def _respell(arguments: argparse.Namespace) -> None:
    from tileproof.files import write_atomically
    from tileproof.mlir.printer import respelled

    text = respelled(arguments.design.read_text(), arguments.design.name, arguments.version)
    write_atomically(arguments.output, text.encode())


def _place(arguments: argparse.Namespace) -> None:
    from tileproof.files import write_atomically
    from tileproof.lowering.held import lowered_as
    from tileproof.lowering.objects import placed_objects

    lowered = lowered_as(arguments.design.read_text(), arguments.design.name, arguments.version)
    text = placed_objects(arguments.objects.read_text(), arguments.objects.name, lowered)
    write_atomically(arguments.output, text.encode())


def _hold(arguments: argparse.Namespace) -> None:
    from tileproof.build.lowered import refuse_other_objects
    from tileproof.check.unrolled import wrongly_unrolled
    from tileproof.files import write_atomically
    from tileproof.lowering.held import hold, lowered_as

    design, lowered = arguments.design, arguments.lowered
    text, banks = design.read_text(), banks_read(arguments)
    ours = lowered_as(text, design.name, arguments.version)
    refuse_other_objects(ours.design, arguments.object)
    told = hold(text, design.name, lowered.read_text(), str(lowered), arguments.version, banks)
    told += wrongly_unrolled(ours)
    write_atomically(arguments.output, (json.dumps({"warnings": told}) + "\n").encode())


def _stamp(arguments: argparse.Namespace) -> None:
    from tileproof.build.stamp import stamped
    from tileproof.files import write_atomically
    from tileproof.lowering.held import check_same_addresses, hold_words

    lowered, addresses = arguments.lowered, arguments.addresses
    check_same_addresses(lowered.read_text(), str(lowered), addresses.read_text(), str(addresses))
    insts, design = arguments.insts.read_bytes(), arguments.design
    noted = json.loads(arguments.held.read_text())["warnings"]
    noted += hold_words(design.read_text(), design.name, lowered.read_text(), str(lowered), insts, arguments.version)
    made = stamped(
        arguments.built.read_bytes(),
        insts,
        banks_read(arguments),
        arguments.variant,
        arguments.digest,
    )
    write_atomically(arguments.notes, (json.dumps({"warnings": noted}) + "\n").encode())
    write_atomically(arguments.xclbin, made)
