package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/** The CPU as it is where the incubator module is not enabled. */
class CpuPlainLoopsContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(false));
    }
}
