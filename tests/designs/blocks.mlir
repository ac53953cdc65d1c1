// Blocks of bfp16ebs8, nine bytes for eight values, as elements of a memref: two objects of 64 values, each doubled.
//   0: ones
//   1: zeros
//   gives 1: np.array([[128] + 8 * [64]] * 16, np.uint8).view("V9").ravel()
//   mutant: "v8bfp16ebs8" => "v8bfp16ebs9" finds: elements that tileproof does not know
//   mutant: @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<8x => @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<7x finds: has 63 bytes, and a DMA moves words of 4
//   mutant: %a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1] => %a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 4] finds: its innermost stride is 4, and elements of 9 bytes are several words side by side
//   mutant: @double_blocks => @double_and_a_half finds: byte 1 past the end of in_cons_buff_0 (72 bytes)
module {
  aie.device(npu2_1col) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @double_blocks(memref<8x!aiex.bfp<"v8bfp16ebs8">>, memref<8x!aiex.bfp<"v8bfp16ebs8">>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<8x!aiex.bfp<"v8bfp16ebs8">>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<8x!aiex.bfp<"v8bfp16ebs8">>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<8x!aiex.bfp<"v8bfp16ebs8">>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<8x!aiex.bfp<"v8bfp16ebs8">>> -> memref<8x!aiex.bfp<"v8bfp16ebs8">>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<8x!aiex.bfp<"v8bfp16ebs8">>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<8x!aiex.bfp<"v8bfp16ebs8">>> -> memref<8x!aiex.bfp<"v8bfp16ebs8">>
        func.call @double_blocks(%x, %y) : (memref<8x!aiex.bfp<"v8bfp16ebs8">>, memref<8x!aiex.bfp<"v8bfp16ebs8">>) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16x!aiex.bfp<"v8bfp16ebs8">>, %b: memref<16x!aiex.bfp<"v8bfp16ebs8">>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16x!aiex.bfp<"v8bfp16ebs8">>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16x!aiex.bfp<"v8bfp16ebs8">>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
