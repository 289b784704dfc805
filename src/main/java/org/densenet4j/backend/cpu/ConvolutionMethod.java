package org.densenet4j.backend.cpu;

/** How a convolution runs on a CPU. */
enum ConvolutionMethod {
    /** Winograd's minimal filtering in machine code of the engine's own. */
    COMPILED,
    /** Winograd's minimal filtering on the Vector API and oneDNN's products. */
    WINOGRAD,
    /** oneDNN's convolution. */
    DIRECT
}
