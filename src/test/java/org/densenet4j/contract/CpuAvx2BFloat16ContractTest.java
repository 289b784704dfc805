package org.densenet4j.contract;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/**
 * {@link CpuVectorBFloat16ContractTest} with machine code for AVX2, whatever more the processor
 * has.
 */
class CpuAvx2BFloat16ContractTest extends CpuVectorBFloat16ContractTest {
    @Override
    Device open(DeviceOptions options) {
        return super.open(options.withIsa(CpuIsa.AVX2));
    }
}
