package org.densenet4j.contract;

import org.densenet4j.backend.DataType;

/** Separate passes and products, and activations in bfloat16. */
class CpuComposedBFloat16ContractTest extends CpuComposedContractTest {
    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }
}
