"""inspect of PDIs, CDOs and ELFs: what they leave in each tile, and what cannot be read."""

from __future__ import annotations

import contextlib
import json
import random
import struct
from pathlib import Path

import pytest

from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.insts import Sync, Write, encode, stream_for
from tileproof.lowering.against import their_layout
from tileproof.pdi.cdo import is_cdo, read_cdo
from tileproof.pdi.container import is_pdi, read_pdi
from tileproof.pdi.elf import read_elf
from tileproof.pdi.listing import configuration_of, configuration_text, is_configuration
from tileproof.pdi.tiles import Bd, TileState, tile_states
from tileproof.xclbin import PackageRequest, build_xclbin, parse_aie_partition, read_xclbin, write_xclbin

REAL = Path(__file__).parents[2] / "shared" / "real"


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


# Commands


def at(column: int, row: int, offset: int) -> int:
    return column << 25 | row << 20 | offset


def write(address: int, value: int) -> list[int]:
    return [2 << 16 | 0x103, address, value]


def mask_write(address: int, mask: int, value: int) -> list[int]:
    return [3 << 16 | 0x102, address, mask, value]


def block(address: int, *values: int) -> list[int]:
    """A DMA write; one of 255 words or more says its length in a word of its own."""
    count = 2 + len(values)
    head = [count << 16 | 0x105] if count < 255 else [255 << 16 | 0x105, count]
    return [*head, 0, address, *values]


def cdo(*commands: list[int]) -> bytes:
    code = [word for command in commands for word in command]
    return words(4, 0x004F4443, 0x200, len(code), 0, *code)


def pdi(partition: bytes, *, kind: int = 2, lacks: int = 0) -> bytes:
    """One image of one partition, as bootgen lays them out."""
    head = words(0xDD, 0x11223344, 0x55667788, 0x99AABBCC, 0x40000, 1, 0x24, 1, 0x34, 0, 0x14CA8093, 0, 0, 0)
    head += b"IDPP" + bytes(0x90 - 0x3C)
    head += words(0x34, 1, 0, 0) + b"aie_image".ljust(16, b"\0") + words(0x1C000000) + bytes(28)
    count = len(partition) // 4 + lacks
    head += words(count, count, count, 0, 0, 0, 0, 0, 0x54, kind << 24 | 6, 1) + bytes(84)
    assert len(head) == 4 * 0x54
    return head + partition


CORE_COMMANDS = (
    mask_write(at(1, 2, 0x32000), 3, 2),
    block(at(1, 2, 0x20000), *range(300)),
    block(at(1, 2, 0x400), 1, 2, 3),
    write(at(1, 2, 0x1F000), 2),
    write(at(1, 2, 0x1F010), 0),
    write(at(1, 2, 0x1F020), 0x3F),
    block(
        at(1, 2, 0x1D000),
        0x200 << 14 | 0xC00,
        0,
        0,
        0,
        0,
        2 | 0x7F << 5 | 1 << 12 | 3 << 13 | 1 << 18 | 7 << 25 | 1 << 27,
    ),
    block(at(1, 2, 0x1D020), 16, 1 << 30 | 5 << 19 | 2 << 16, 7, 8 << 13, 0, 1 << 25),
    write(at(1, 2, 0x1DE04), 0),
    write(at(1, 2, 0x1DE1C), 0x8001_0001),
    write(at(1, 2, 0x3F004), 0x8000_0005),
    write(at(1, 2, 0x3F008), 5),
    write(at(1, 2, 0x31000), 1),
    mask_write(at(1, 2, 0x32000), 3, 1),
    [0x111],
)
CORE = TileState(
    column=1,
    row=2,
    kind="core",
    program=1200,
    data=12,
    enabled=True,
    locks=((0, 2), (2, -1)),
    bds=(
        Bd(id=0, address=0x800, nbytes=12288, dimensions=(), acquire=(2, -1), release=(3, 1), next=1, packet=None),
        Bd(
            id=1,
            address=0,
            nbytes=64,
            dimensions=((8, 8), (0, 1)),
            acquire=None,
            release=None,
            next=None,
            packet=(5, 2),
        ),
    ),
    starts=(("S2MM 0", 0), ("MM2S 1", 1)),
    ports=1,
    others=1,
)


def test_what_the_commands_leave_in_a_core_is_read() -> None:
    read = read_cdo(cdo(*CORE_COMMANDS), "a.cdo")

    assert (read.version, read.commands, len(read.writes), read.others) == (0x200, 15, 14, {0x111: 1})
    assert tile_states(read.writes) == (CORE,)


def test_the_bds_of_a_mem_tile_count_memory_and_locks_from_its_western_neighbour() -> None:
    own = block(
        at(0, 1, 0xA0000 + 0x20 * 24),
        2 << 28 | 9 << 23 | 1 << 31 | 256,
        26 << 20 | 1 << 19 | 0x80100 >> 2,
        16 << 17 | 3,
        4 << 17 | 63,
        0,
        0,
        0,
        1 << 31 | 1 << 24 | 66 << 16 | 1 << 15 | 0x7F << 8 | 65,
    )
    west = block(at(0, 1, 0xA0000), 8, 0x10, 0, 0, 0, 0, 0, 1 << 31)
    (tile,) = tile_states(read_cdo(cdo(own, west, write(at(0, 1, 0xC0410), 4)), "a").writes)

    assert tile.kind == "mem"
    assert tile.locks == ()
    assert tile.others == 1  # lock 65 is not this tile's
    assert tile.bds[0].address == 0x40 - 0x80000
    assert tile.bds[1] == Bd(
        id=24,
        address=0x100,
        nbytes=1024,
        dimensions=((16, 4), (4, 64), (0, 1)),
        acquire=(1, -1),
        release=(2, 1),
        next=26,
        packet=(9, 2),
    )


def test_a_shims_bd_has_an_address_of_the_host() -> None:
    bd = block(at(3, 0, 0x1D040), 64, 0x8000_0000, 0x1, 0, 0, 0, 0, 1 << 25)
    (tile,) = tile_states(read_cdo(cdo(bd, write(at(3, 0, 0x1D214), 2)), "a").writes)

    assert (tile.kind, tile.bds[0].address, tile.bds[0].nbytes) == ("shim", 0x1_8000_0000, 256)
    assert tile.starts == (("MM2S 0", 2),)


# Files


def test_a_pdi_in_full() -> None:
    data = pdi(cdo(*CORE_COMMANDS))

    assert is_pdi(data)
    assert configuration_text(configuration_of(data, "main.pdi")) == (
        f"main.pdi: {len(data):,} bytes, a PDI for id code 0x14ca8093; images: aie_image (id 0x1c000000)\n"
        "\n"
        "partition 0: CDO 2.00, 361 words, 15 commands, 14 writes\n"
        "  besides: 1 no operation\n"
        "\n"
        "core (1, 2)\n"
        "  program  1,200 bytes written\n"
        "  data     12 bytes written\n"
        "  core     enabled\n"
        "  locks    0 = 2, 2 = -1\n"
        "  BD 0     12,288 B at 0x800, acquires lock 2 by -1, releases lock 3 by 1, then BD 1\n"
        "  BD 1     64 B at 0x0, words 8 by 8, rest by 1, packet id 5, type 2\n"
        "  start    S2MM 0 with BD 0\n"
        "  start    MM2S 1 with BD 1\n"
        "  switch   1 master port on\n"
        "  other    1 register\n"
    )


def test_commands_of_amds_packed_form_are_named_and_not_guessed_at() -> None:
    packed = cdo([3, 1, at(0, 2, 0x1F000), 2])
    text = configuration_text(configuration_of(pdi(packed, lacks=100), "main.pdi"))

    assert "partition 0: CDO, 36 bytes at 0x000150, 400 fewer than its header says; its commands are of AMD's" in text
    assert "core" not in text
    assert "packed form, which is not documented" in configuration_of(packed, "a.cdo").title


def test_writes_that_are_no_npus_are_counted_and_make_no_tile() -> None:
    found = configuration_of(cdo(write(0xF1110000, 1)), "a.cdo")

    assert (found.tiles, found.lines) == ((), ("elsewhere: 1 writes",))


def elf(sections: dict[str, bytes], machine: int = 1, abi: int = 0x45) -> bytes:
    """Sections one behind the other, the names last."""
    names, body, rows = b"\0", b"", [bytes(40)]
    for name, data in (*sections.items(), (".shstrtab", b"")):
        at_name = len(names)
        names += name.encode() + b"\0"
        data = names if name == ".shstrtab" else data
        rows.append(words(at_name, 1, 0, 0, 52 + len(body), len(data), 0, 0, 1, 0))
        body += data
    ident = b"\x7fELF\x01\x01\x01" + bytes([abi]) + bytes(8)
    places = (0, 0, 52 + len(body), 0, 52, 0, 0, 40, len(rows), len(rows) - 1)
    return struct.pack("<16sHHIIIIIHHHHHH", ident, 2, machine, 1, *places) + body + b"".join(rows)


def test_a_full_elf_shows_its_sections_the_pdi_in_it_and_the_instructions() -> None:
    stream = encode(
        stream_for("npu1", (Write(address=0x1D214, value=0), Sync(column=0, row=0, direction="S2MM", channel=0)))
    )
    data = elf({".ctrltext": stream, ".pdi.1": pdi(cdo(*CORE_COMMANDS)), ".note.xrt.UID": b"uid "})
    lines = configuration_text(configuration_of(data, "design.elf")).splitlines()

    assert lines[0] == f"design.elf: {len(data):,} bytes, an ELF: control code for AIE2, of aiebu, entry 0x0"
    assert [line.split()[0] for line in lines[1:5]] == [".ctrltext", ".pdi.1", ".note.xrt.UID", ".shstrtab"]
    assert any(line.startswith(".ctrltext: 14 words, 2 operations, for npu1") for line in lines)
    assert any(line.startswith(".pdi.1: ") and "a PDI for id code" in line for line in lines)
    assert "core (1, 2)" in lines


def test_a_cores_elf_is_one() -> None:
    read = read_elf(elf({".text": bytes(592)}, machine=264), "core.elf")

    assert (read.what, next((one.name, one.nbytes) for one in read.sections)) == (
        "the program of a core",
        (".text", 592),
    )


@pytest.mark.parametrize(
    "data", [pdi(cdo(*CORE_COMMANDS)), cdo(*CORE_COMMANDS), elf({".text": b""})], ids=["PDI", "CDO", "ELF"]
)
@pytest.mark.parametrize("name", ["main", "a.bin", "insts.txt"])
def test_a_file_is_known_by_what_is_in_it(
    data: bytes, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)

    assert main(["inspect", str(tmp_path / name)]) == 0
    assert capsys.readouterr().out.rstrip("\n") == configuration_text(configuration_of(data, name)).rstrip("\n")
    assert main(["inspect", str(tmp_path / name), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith(f"{name}: ")


def test_the_pdis_of_an_xclbin_are_shown_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, image in (("a.xclbin", pdi(cdo(*CORE_COMMANDS))), ("emulated.xclbin", b"a design" * 9)):
        request = PackageRequest(columns=4, start_columns=(0,), pdi=image, uuid=b"u" * 16, pdi_uuid=b"p" * 16)
        (tmp_path / name).write_bytes(write_xclbin(build_xclbin(request)))

    assert main(["inspect", str(tmp_path / "a.xclbin"), "--pdi"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"PDI {'70' * 16}: ")
    assert "core (1, 2)" in lines
    assert main(["inspect", str(tmp_path / "emulated.xclbin"), "--pdi"]) == 0
    assert capsys.readouterr().out == f"PDI {'70' * 16}: 72 bytes, which are no PDI\n"
    assert main(["inspect", str(tmp_path / "a.xclbin"), "--pdi", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["parts"][0]["tiles"][0]["program"] == 1200


# What is damaged


def refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        configuration_of(data, "main.pdi")
    return caught.value


def test_a_damaged_file_in_full() -> None:
    assert str(refusal(pdi(cdo(*CORE_COMMANDS)[:-16]))) == (
        "error: main.pdi: the CDO cannot be read\n"
        "  where: main.pdi, byte 356 (0x164)\n"
        "  why:   the stream of commands takes 1,444 bytes from byte 20, and the CDO has 1,448\n"
        "  fix:   take the file again from where it was built: a copy was cut short or changed"
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (cdo([9 << 16 | 0x103, 0, 0]), "command 0x103 takes 9 words, and 2 are left"),
        (cdo([255 << 16 | 0x105]), "command 0x105 takes 255 words, and 0 are left"),
        (words(5, 0x004F4443, 0x200, 0, 0), "its header begins with 5 and 0x004f4443"),
        (words(4, 0x004F4443), "the header takes 20 bytes"),
        (pdi(b"")[:0x80], "image headers"),
        (pdi(b"").replace(words(0x40000, 1, 0x24, 1), words(0x40000, 1, 0x24, 99)), "it declares 99 partitions"),
        (b"\x7fELF\x02\x01" + bytes(60), "it is not of 32 bits, little-endian"),
        (elf({".text": b"abcd"})[:-60], "section headers"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes, why: str) -> None:
    assert why in refusal(data).why


def test_no_damage_makes_the_readers_do_worse_than_refuse() -> None:
    whole = (pdi(cdo(*CORE_COMMANDS)), cdo(*CORE_COMMANDS), elf({".pdi": pdi(cdo(*CORE_COMMANDS)), ".text": b"x" * 9}))
    for seed in range(900):
        chance = random.Random(seed)
        data = bytearray(whole[seed % 3])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        spoilt = bytes(data[: chance.choice((len(data), chance.randrange(len(data))))])
        if is_configuration(spoilt):
            with contextlib.suppress(Problem):
                configuration_text(configuration_of(spoilt, f"seed {seed}"))


# What the real tools packed


@pytest.mark.skipif(not REAL.is_dir(), reason="the corpus of mlir-aie's own answers lies beside the repository")
@pytest.mark.parametrize("name", ["attention_i8_64x64x64__npu1", "mel_i16_400x80x16000x160__npu2"])
def test_the_cdo_of_the_real_aiecc_sets_the_bds_and_locks_that_its_mlir_says(name: str) -> None:
    layout = their_layout((REAL / name / "input_with_addresses.mlir").read_text(), "input_with_addresses.mlir")
    section = read_xclbin((REAL / name / "aiecc.xclbin").read_bytes(), name).section("AIE_PARTITION")
    assert section is not None
    (pdi_,) = parse_aie_partition(section, name).pdis
    (partition,) = read_pdi(pdi_.image, name).partitions
    assert is_cdo(partition.data)
    (core,) = (one for one in tile_states(read_cdo(partition.data, name).writes) if one.kind == "core")

    moved = {layout.buffers[bd.buffer][0:2] for chain in layout.channels.values() for bd in chain}

    assert {("core (0, 2)", bd.address) for bd in core.bds} == {place for place in moved if "core" in place[0]}
    assert dict(core.locks) == {
        number: init for tile, number, init in layout.locks.values() if tile == "core (0, 2)" and init
    }
    assert core.enabled
    assert core.program
