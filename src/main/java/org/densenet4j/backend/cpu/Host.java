package org.densenet4j.backend.cpu;

import java.util.Optional;

/**
 * What a CPU device has to run its work on.
 *
 * @param target what kernels are compiled for; empty where there is no machine code
 * @param vectorApi whether the JVM was started with {@code jdk.incubator.vector}
 * @param winograd whether 3x3 convolutions may run by Winograd's minimal filtering
 */
record Host(OneDnn dnn, Optional<Target> target, boolean vectorApi, boolean winograd) {}
