package org.densenet4j.backend;

import java.util.Objects;

/**
 * What a device's calls of one name did while it was traced: launches of a kernel, or calls of a
 * library or of the driver.
 *
 * @param name the kernel's entry point, as profilers show it, or the library and its operation
 * @param calls how many there were
 * @param seconds that the device took for them, all together
 * @param bytes that they read and wrote, counted from the shapes of their operands: each operand
 *     once, one that is changed in place twice, whether it lies in a cache or not
 * @param flops of products and convolutions, two for each multiply-add; element-wise arithmetic is
 *     not counted
 * @param beside whether they ran beside the others, such as a copy on a stream of its own: their
 *     time is then no part of a step's
 */
public record TracedCall(
        String name, long calls, double seconds, long bytes, long flops, boolean beside) {

    /** {@return bytes per second; 0 where no time was measured} */
    public double bytesPerSecond() {
        return seconds > 0 ? bytes / seconds : 0;
    }

    /** {@return FLOPs per second; 0 where no time was measured} */
    public double flopsPerSecond() {
        return seconds > 0 ? flops / seconds : 0;
    }

    /**
     * {@return both together, under this name}
     *
     * @param other the same call of another time
     */
    public TracedCall plus(TracedCall other) {
        Objects.requireNonNull(other, "other");
        return new TracedCall(
                name,
                calls + other.calls,
                seconds + other.seconds,
                bytes + other.bytes,
                flops + other.flops,
                beside);
    }
}
