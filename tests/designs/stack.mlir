// The case study: a 32x32 matrix multiplication with 4 KB of sums on the stack, which is large enough.
//   0: random
//   1: zeros
//   gives 1: ((a0[:1024].reshape(32, 32).astype(int) @ a0[1024:].reshape(32, 32)) >> 8).astype(np.int8).ravel()
//   mutant:  {stack_size = 8192 : i32} =>  finds: matmul runs over the end of the stack of core (0, 2): its local arrays take 4,096 bytes, and stack_size is 1,024
//   mutant:  {stack_size = 8192 : i32} =>  finds: of the 2,048 bytes of input_cons_buff_0
//   mutant: stack_size = 8192 => stack_size = 4096 finds: its local arrays take 4,096 bytes, and stack_size is 4,096
//   mutant: stack_size = 8192 => stack_size = 4128 finds: nothing
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @input(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<2048xi8>>
    aie.objectfifo @output(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<1024xi8>>
    func.func private @matmul(memref<2048xi8>, memref<1024xi8>)
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @input(Consume, 1) : !aie.objectfifosubview<memref<2048xi8>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<2048xi8>> -> memref<2048xi8>
        %ys = aie.objectfifo.acquire @output(Produce, 1) : !aie.objectfifosubview<memref<1024xi8>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<1024xi8>> -> memref<1024xi8>
        func.call @matmul(%x, %y) : (memref<2048xi8>, memref<1024xi8>) -> ()
        aie.objectfifo.release @input(Consume, 1)
        aie.objectfifo.release @output(Produce, 1)
      }
      aie.end
    } {stack_size = 8192 : i32}
    aie.runtime_sequence @run(%a: memref<2048xi8>, %b: memref<1024xi8>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 1024][0, 0, 0, 1]) {id = 0 : i64, metadata = @output} : memref<1024xi8>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 2048][0, 0, 0, 1]) {id = 1 : i64, metadata = @input} : memref<2048xi8>
      aiex.npu.dma_wait {symbol = @output}
    }
  }
}
