package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/** The CPU as a program gets it that starts its JVM without flags: machine code and plain loops. */
class CpuWithoutVectorApiContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(false));
    }

    @Override
    boolean sharesRounding() {
        return true;
    }
}
