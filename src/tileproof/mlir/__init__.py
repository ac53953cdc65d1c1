"""Designs: the aie and aiex dialects read into plain data. Nothing else in tileproof imports xDSL."""
