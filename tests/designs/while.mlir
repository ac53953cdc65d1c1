// A core that halves each element until it is below ten.
//   0: count
//   1: zeros
//   gives 1: np.array([v if v < 10 else v >> 1 if v >> 1 < 10 else v >> 2 for v in a0])
//   mutant: arith.shrsi %v, %one => arith.shrsi %v, %none finds: a loop of the core on core (0, 2), while.mlir:27:11, never returned
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %ten = arith.constant 10 : i32
      %one = arith.constant 1 : i32
      %none = arith.constant 0 : i32
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        scf.for %k = %c0 to %c16 step %c1 {
          %a = memref.load %x[%k] : memref<16xi32>
          %s = scf.while (%u = %a) : (i32) -> i32 {
            %big = arith.cmpi sge, %u, %ten : i32
            scf.condition(%big) %u : i32
          } do {
          ^bb0(%v: i32):
            %w = arith.shrsi %v, %one : i32
            scf.yield %w : i32
          }
          memref.store %s, %y[%k] : memref<16xi32>
        }
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
