package org.densenet4j.backend.cpu;

import org.densenet4j.backend.PointwiseConvolution;

/** A pointwise convolution that holds machine code. */
interface HostPointwise extends PointwiseConvolution, AutoCloseable {
    @Override
    void close();
}
