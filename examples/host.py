from pathlib import Path

import numpy as np
import pyxrt

TO = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE
FROM = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
COMPLETED = pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED
pair = Path("build/double/double_i32_64__npu1")
xclbin = pyxrt.xclbin(str(pair / "double_i32_64__npu1.emu.xclbin"))
device = pyxrt.device(0)
device.register_xclbin(xclbin)
context = pyxrt.hw_context(device, xclbin.get_uuid())
kernel = pyxrt.kernel(context, "MLIR_AIE")
words = np.fromfile(pair / "insts.bin", dtype=np.uint32)
instr = pyxrt.bo(device, words.nbytes, pyxrt.bo.cacheable, kernel.group_id(1))
instr.write(words, 0)
instr.sync(TO)
x = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(3))
y = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(4))
x.write(np.arange(64, dtype=np.int32), 0)
x.sync(TO)
run = kernel(3, instr, len(words), x, y)
assert run.wait() == COMPLETED
y.sync(FROM)
print(y.read(256, 0).view(np.int32)[:4].tolist())
