// A mem tile receives 13 elements an object, and sends each with 2 in front and 1 behind: its buffers have 13.
//   0: count
//   1: zeros
//   gives 1: np.pad(a0[:39].reshape(3, 13), ((0, 0), (2, 1))).ravel()
//   mutant: const_pad_before = 2 => const_pad_before = 3 finds: the padding of @out does not fit a BD of mem (0, 1)
//   mutant: size = 13, stride = 1 => size = 14, stride = 1 finds: the dimensions of @out do not fit a BD of mem (0, 1)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<13xi32>>
    aie.objectfifo @out(%mem dimensionsToStream [<size = 13, stride = 1>], {%shim}, 2 : i32) {padDimensions = #aie<bd_pad_layout_array[<const_pad_before = 2, const_pad_after = 1>]>} : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@out] ([] [])
    aie.runtime_sequence @run(%a: memref<48xi32>, %b: memref<48xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 48][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<48xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 39][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<48xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
