package org.densenet4j.backend;

import org.jspecify.annotations.Nullable;

/** A device is missing, a native call failed, or memory ran out; the message says which and why. */
public class DeviceException extends RuntimeException {
    /**
     * With a one-line message.
     *
     * @param message which device or call, why, and what mends it
     */
    public DeviceException(String message) {
        super(message);
    }

    /**
     * With a one-line message and the failure beneath it.
     *
     * @param message which device or call, why, and what mends it
     * @param cause the failure beneath, or null
     */
    public DeviceException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
