package org.densenet4j.testing;

import org.densenet4j.backend.DeviceOptions;

/** A cache that holds next to nothing, so that images are cut into bands. */
public final class TinyCache {
    /** Of a device with two threads. */
    public static final DeviceOptions OPTIONS =
            DeviceOptions.defaults().withThreads(2).withChunkFactor(1e-9);

    private TinyCache() {}
}
