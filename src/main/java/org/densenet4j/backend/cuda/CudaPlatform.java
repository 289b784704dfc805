package org.densenet4j.backend.cuda;

import java.util.Locale;

/** The systems that NVIDIA's libraries and JCuda's bindings exist for. */
final class CudaPlatform {
    static final boolean WINDOWS = os().startsWith("windows");

    private CudaPlatform() {}

    /** Whether CUDA can exist on this system and processor. */
    static boolean isSupported() {
        String arch = System.getProperty("os.arch", "");
        return (WINDOWS || os().startsWith("linux"))
                && (arch.equals("amd64") || arch.equals("x86_64"));
    }

    /** System and processor, for people. */
    static String description() {
        return System.getProperty("os.name") + " on " + System.getProperty("os.arch");
    }

    private static String os() {
        return System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    }
}
