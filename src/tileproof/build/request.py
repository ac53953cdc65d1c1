"""What is to be built of a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tileproof.device_model import TARGETS
from tileproof.kernel.banks import Banks
from tileproof.toolchain.aiecc import AieccKind

STEP_TIMEOUT_S = 600.0  # long for any compiler, and not for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """For every kernel that is named with it. Paths are as the user gave them; `toolchain` "auto" is the host's."""

    target: str = TARGETS[0]
    toolchain: str = "auto"
    aiecc: AieccKind | None = None  # of an aiecc that is not here, for a plan to look at
    sizes: Mapping[str, int] = field(default_factory=dict)
    banks: Banks = field(default_factory=Banks)  # more of [banks] than kernel.toml says
    kernels: Path | None = None
    build_dir: Path = Path("build")
    jobs: int | None = None
    step_timeout_s: float = STEP_TIMEOUT_S

    @property
    def is_for_npu(self) -> bool:
        return self.toolchain == "mlir-aie" or (self.toolchain == "auto" and self.aiecc is not None)
