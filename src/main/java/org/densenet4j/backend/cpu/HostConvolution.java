package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Convolution;

/** A convolution of a {@link CpuArena}, which frees its primitives. */
interface HostConvolution extends Convolution, AutoCloseable {
    @Override
    void close();
}
