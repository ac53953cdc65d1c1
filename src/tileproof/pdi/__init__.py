"""What bootgen and aiebu pack for an NPU, read: PDIs with their CDO commands, ELFs, and what they leave in each tile.

`container` has the PDI, `cdo` the commands, `tiles` what they leave in each tile, `elf` sections, `listing` all of it
in words. Nothing here writes one.
"""
