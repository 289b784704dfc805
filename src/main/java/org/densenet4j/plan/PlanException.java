package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.jspecify.annotations.Nullable;

/** A plan that cannot be carried out; the message has the numbers and the alternatives. */
public final class PlanException extends RuntimeException {
    /**
     * With a one-line message.
     *
     * @param message what cannot be, the numbers, and what to do instead
     */
    public PlanException(String message) {
        super(message);
    }

    /** With a one-line message and the failure beneath it. */
    PlanException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    static void requirePrecision(Device device, DataType precision) {
        if (!device.supports(precision)) {
            throw new PlanException(
                    precision
                            + " is not for this device ("
                            + device.description()
                            + "): it wants a GPU, or a CPU with AVX2 or AVX-512; use fp32");
        }
    }
}
