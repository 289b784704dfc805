package org.densenet4j.backend.cuda;

import jcuda.driver.CUdeviceptr;

/** A device pointer whose address can be asked for: kernels take addresses into the arena. */
final class DevicePointer extends CUdeviceptr {
    long address() {
        return getNativePointer() + getByteOffset();
    }
}
