package org.densenet4j.contract;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/** The CPU with the Vector API and separate passes and products in the fused kernels' place. */
class CpuComposedContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(true).withIsa(CpuIsa.NONE));
    }

    @Override
    boolean sharesRounding() {
        return true;
    }
}
