package org.densenet4j.backend.cuda;

import jcuda.Pointer;

/** An address in device memory, as JCuda's bindings of libraries take it. */
final class DeviceAddress extends Pointer {
    DeviceAddress(long address) {
        super(address);
    }
}
