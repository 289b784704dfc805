package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;

/** The CUDA kernels and their launches, emulated on the host. */
class EmulatedCudaContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        return new EmulatedDevice(options);
    }
}
