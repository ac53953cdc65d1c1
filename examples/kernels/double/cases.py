import numpy as np


def ramp(rng, sizes):
    return {"x": np.arange(sizes["count"]) - 20.0}


def random(rng, sizes):
    return {"x": rng.integers(-1000, 1000, sizes["count"]).astype(float)}
