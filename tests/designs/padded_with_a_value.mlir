// The DMA of a mem tile of npu2 pads with words of 42: two in front of each object and one behind.
//   0: count
//   1: zeros
//   gives 1: np.pad(a0[:39].reshape(3, 13), ((0, 0), (2, 1)), constant_values=42).ravel()
//   mutant: aie.device(npu2) => aie.device(npu1) finds: MM2S of mem (0, 1) cannot pad with 42
//   mutant: padDimensions = #aie<bd_pad_layout_array[<const_pad_before = 2, const_pad_after = 1>]>, =>  finds: the fifo pads with 42, and nowhere
module {
  aie.device(npu2) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<13xi32>>
    aie.objectfifo @out(%mem dimensionsToStream [<size = 13, stride = 1>], {%shim}, 2 : i32) {padDimensions = #aie<bd_pad_layout_array[<const_pad_before = 2, const_pad_after = 1>]>, padValue = 42 : i32} : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@out] ([] [])
    aie.runtime_sequence @run(%a: memref<48xi32>, %b: memref<48xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 48][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<48xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 39][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<48xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
