package org.densenet4j.contract;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/** {@link CpuVectorBFloat16ContractTest} with products of bfloat16 pairs, even if they are slow. */
class CpuPairsContractTest extends CpuVectorBFloat16ContractTest {
    @Override
    Device open(DeviceOptions options) {
        return super.open(options.withIsa(CpuIsa.AVX512_BF16));
    }
}
