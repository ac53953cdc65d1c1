// Sums of 4 KB on the stack, and the output just above it: what the call runs over is what it writes.
//   0: random
//   1: zeros
//   gives 1: (a0[:1024].reshape(32, 32).astype(int) @ a0[1024:].reshape(32, 32)).ravel()
//   mutant:  {stack_size = 8192 : i32} =>  finds: matmul_wide runs over the end of the stack of core (0, 2): its local arrays take 4,096 bytes
//   mutant: stack_size = 8192 => stack_size = 2048 finds: matmul_wide runs over the end of the stack of core (0, 2)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @input(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<2048xi8>>
    aie.objectfifo @output(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<1024xi32>>
    func.func private @matmul_wide(memref<2048xi8>, memref<1024xi32>)
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @input(Consume, 1) : !aie.objectfifosubview<memref<2048xi8>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<2048xi8>> -> memref<2048xi8>
        %ys = aie.objectfifo.acquire @output(Produce, 1) : !aie.objectfifosubview<memref<1024xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<1024xi32>> -> memref<1024xi32>
        func.call @matmul_wide(%x, %y) : (memref<2048xi8>, memref<1024xi32>) -> ()
        aie.objectfifo.release @input(Consume, 1)
        aie.objectfifo.release @output(Produce, 1)
      }
      aie.end
    } {stack_size = 8192 : i32}
    aie.runtime_sequence @run(%a: memref<2048xi8>, %b: memref<1024xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 1024][0, 0, 0, 1]) {id = 0 : i64, metadata = @output} : memref<1024xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 2048][0, 0, 0, 1]) {id = 1 : i64, metadata = @input} : memref<2048xi8>
      aiex.npu.dma_wait {symbol = @output}
    }
  }
}
