package org.densenet4j.contract;

import org.densenet4j.backend.DataType;

/** A real GPU with activations in bfloat16; skipped, with the reason, where there is none. */
class CudaBFloat16ContractTest extends CudaContractTest {
    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }

    @Override
    boolean roundsWeightGradients() {
        return true;
    }
}
