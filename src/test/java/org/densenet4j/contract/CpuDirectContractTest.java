package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/** The CPU with the Vector API and direct convolutions. */
class CpuDirectContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(true).withWinograd(false));
    }
}
