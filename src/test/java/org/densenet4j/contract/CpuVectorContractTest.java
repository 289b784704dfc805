package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/**
 * The CPU with the Vector API, Winograd's convolutions and, with AVX-512, kernels in machine code.
 */
class CpuVectorContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(true));
    }

    @Override
    boolean sharesRounding() {
        return true;
    }
}
