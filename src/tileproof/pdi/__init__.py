"""What bootgen and aiebu pack for an NPU, read: PDIs with their CDO commands, and ELFs. Nothing here writes one.

`container` has the PDI, `cdo` the commands, `tiles` what they leave in each tile, `elf` sections, `listing` all of it
in words.
"""
