package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cpu.jit.Words;

import java.util.Optional;

/**
 * What a CPU device has to run its work on.
 *
 * @param target what kernels are compiled for; empty where there is no machine code
 * @param vectorApi whether the JVM was started with {@code jdk.incubator.vector}
 * @param winograd whether 3x3 convolutions may run by Winograd's minimal filtering
 */
record Host(OneDnn dnn, Optional<Target> target, boolean vectorApi, boolean winograd) {

    /** What a device that is opened so has. */
    static Host of(DeviceOptions options) {
        OneDnn dnn = OneDnn.get();
        return new Host(
                dnn,
                Target.of(options, dnn),
                options.vectorApi() && vectorApiEnabled(),
                options.winograd());
    }

    /** Whether there are products of tiles of bfloat16 (AMX). */
    boolean tiles() {
        return target.map(Target::tiles).orElse(false);
    }

    /** Whether large products of float32 are such of tiles, too; see {@link TripletProducts}. */
    boolean triplets() {
        return target.map(Target::triplets).orElse(false);
    }

    /** Whether the JVM was started with {@code --add-modules jdk.incubator.vector}. */
    private static boolean vectorApiEnabled() {
        return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    }

    /**
     * Whether oneDNN multiplies operands of a type; else they are widened for it. It has products
     * of bfloat16 from AVX-512 on, by instructions that may be slower than those on float32.
     */
    boolean multiplies(DataType type) {
        return type == DataType.FLOAT32
                || dnn.multiplies(type)
                        && target.map(t -> t.words(type) != Words.FLOATS).orElse(true);
    }
}
