package org.densenet4j.contract;

import org.densenet4j.backend.DataType;

/** The CPU with the Vector API and activations in bfloat16. */
class CpuVectorBFloat16ContractTest extends CpuVectorContractTest {
    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }

    @Override
    boolean roundsTransformedTiles() {
        return true;
    }
}
