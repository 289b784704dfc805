package org.densenet4j.backend.cuda;

import jcuda.driver.CUstream;

import java.lang.foreign.MemorySegment;

/** A stream whose handle can be asked for: libraries bound without JCuda take it as a pointer. */
final class DeviceStream extends CUstream {
    MemorySegment handle() {
        return MemorySegment.ofAddress(getNativePointer());
    }
}
