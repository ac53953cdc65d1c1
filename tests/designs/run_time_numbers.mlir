// Numbers that the host gives: how many objects are moved, in how many tasks, and whether at all.
//   0: count
//   1: zeros
//   2: 3
//   3: 1
//   gives 1: np.concatenate([np.tile(a0, 3), np.zeros(16)])
//   mutant: arith.constant 16 : i32 => arith.constant 17 : i32 finds: the sizes of the BD do not make its length
//   mutant: (%a: memref<16xi32>, %b: memref<64xi32>, %n: i64, %copies: i1) => (%n: i64, %a: memref<16xi32>, %b: memref<64xi32>, %copies: i1) finds: a number stands in front of a buffer
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @copy(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        func.call @copy(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<64xi32>, %n: i64, %copies: i1) {
      scf.if %copies {
        %c1 = arith.constant 1 : index
        %each = arith.constant 16 : i32
        %turns = arith.index_cast %n : i64 to index
        %count = arith.trunci %n : i64 to i32
        %all = arith.muli %count, %each : i32
        %out = aiex.dma_configure_task_for @out {
          aie.dma_bd(%b : memref<64xi32> offset = 0 len = %all sizes = [1, 1, %n, 16] strides = [0, 0, 16, 1])
          aie.end
        } {issue_token = true}
        %first = aiex.dma_configure_task_for @in {
          aie.dma_bd(%a : memref<16xi32> offset = 0 len = 16)
          aie.end
        } {issue_token = true}
        aiex.dma_start_task(%out)
        aiex.dma_start_task(%first)
        %last = scf.for %turn = %c1 to %turns step %c1 iter_args(%before = %first) -> (index) {
          %task = aiex.dma_configure_task_for @in {
            aie.dma_bd(%a : memref<16xi32> offset = 0 len = 16)
            aie.end
          } {issue_token = true}
          aiex.dma_start_task(%task)
          aiex.dma_await_task(%before)
          scf.yield %task : index
        }
        aiex.dma_await_task(%last)
        aiex.dma_await_task(%out)
        aiex.dma_free_task(%last)
      }
    }
  }
}
