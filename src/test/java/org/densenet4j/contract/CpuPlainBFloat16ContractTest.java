package org.densenet4j.contract;

import org.densenet4j.backend.DataType;

/** The CPU without the incubator module and activations in bfloat16. */
class CpuPlainBFloat16ContractTest extends CpuPlainLoopsContractTest {
    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }
}
