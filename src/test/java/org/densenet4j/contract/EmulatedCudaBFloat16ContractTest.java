package org.densenet4j.contract;

import org.densenet4j.backend.DataType;

/** The CUDA kernels, emulated on the host, on activations in bfloat16. */
class EmulatedCudaBFloat16ContractTest extends EmulatedCudaContractTest {
    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }
}
