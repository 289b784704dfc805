package org.densenet4j.contract;

import org.densenet4j.backend.DataType;

/** Winograd's convolutions of images in bfloat16, where the processor's own are not faster. */
class WinogradBFloat16ContractTest extends WinogradContractTest {
    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }

    @Override
    boolean roundsTransformedTiles() {
        return true;
    }
}
