package org.densenet4j.contract;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/**
 * {@link CpuVectorBFloat16ContractTest} with AVX-512 alone: rounded and multiplied without its
 * bfloat16.
 */
class CpuAvx512BFloat16ContractTest extends CpuVectorBFloat16ContractTest {
    @Override
    Device open(DeviceOptions options) {
        return super.open(options.withIsa(CpuIsa.AVX512));
    }
}
