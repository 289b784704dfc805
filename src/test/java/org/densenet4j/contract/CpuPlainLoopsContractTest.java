package org.densenet4j.contract;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/** The CPU in plain loops: without the incubator module and without machine code. */
class CpuPlainLoopsContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(false).withIsa(CpuIsa.NONE));
    }
}
