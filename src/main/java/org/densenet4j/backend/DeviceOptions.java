package org.densenet4j.backend;

/**
 * How a device is opened.
 *
 * @param threads worker threads of a CPU device; 0 takes one per processor
 * @param deterministic results are bit-identical from run to run: chunks are dealt to lanes in a
 *     fixed way instead of first come, first served
 * @param vectorApi use {@code jdk.incubator.vector} where the JVM was started with it
 */
public record DeviceOptions(int threads, boolean deterministic, boolean vectorApi) {

    /** Rejects a negative thread count. */
    public DeviceOptions {
        if (threads < 0 || threads > 1024) {
            throw new IllegalArgumentException(
                    "threads = " + threads + ": use 1 to 1024, or 0 for one per processor");
        }
    }

    /** One thread per processor, chunks dealt dynamically, Vector API where present. */
    public static DeviceOptions defaults() {
        return new DeviceOptions(0, false, true);
    }

    /** The same with another number of threads. */
    public DeviceOptions withThreads(int count) {
        return new DeviceOptions(count, deterministic, vectorApi);
    }

    /** The same with bit-identical runs on or off. */
    public DeviceOptions withDeterministic(boolean on) {
        return new DeviceOptions(threads, on, vectorApi);
    }

    /** The same with the Vector API allowed or not. */
    public DeviceOptions withVectorApi(boolean on) {
        return new DeviceOptions(threads, deterministic, on);
    }
}
