// A mem tile sends the first 3x4 elements of each object with zeros around: a row above and below, two columns aside.
//   0: count
//   1: zeros
//   gives 1: np.pad(a0.reshape(-1, 40)[:, :12].reshape(-1, 3, 4), ((0, 0), (1, 1), (2, 2))).ravel()
//   mutant: const_pad_before = 1 => const_pad_before = 2 finds: the padding of @out does not fit a BD of mem (0, 1)
//   mutant:  dimensionsToStream [<size = 3, stride = 4>, <size = 4, stride = 1>] =>  finds: 2 pads and 0 dimensions
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<40xi32>>
    aie.objectfifo @out(%mem dimensionsToStream [<size = 3, stride = 4>, <size = 4, stride = 1>], {%shim}, 2 : i32) {padDimensions = #aie<bd_pad_layout_array[<const_pad_before = 1, const_pad_after = 1>, <const_pad_before = 2, const_pad_after = 2>]>} : !aie.objectfifo<memref<40xi32>>
    aie.objectfifo.link [@in] -> [@out] ([] [])
    aie.runtime_sequence @run(%a: memref<160xi32>, %b: memref<160xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 160][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 160][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<160xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
