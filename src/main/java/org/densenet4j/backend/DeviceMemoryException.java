package org.densenet4j.backend;

import org.jspecify.annotations.Nullable;

/** A device refused memory that was asked of it; the message has the numbers. */
public final class DeviceMemoryException extends DeviceException {
    private static final long serialVersionUID = 1;

    /** What the device said. */
    private final long freeBytes;

    /**
     * Makes the message of the numbers.
     *
     * @param device who refused
     * @param bytes what was asked for
     * @param freeBytes what the device says is free
     * @param cause the failure beneath, or null
     */
    public DeviceMemoryException(
            String device, long bytes, long freeBytes, @Nullable Throwable cause) {
        super(
                device
                        + " refuses "
                        + bytes
                        + " bytes of memory, "
                        + freeBytes
                        + " are free; use a smaller batch or the RECOMPUTE strategy",
                cause);
        this.freeBytes = freeBytes;
    }

    /** {@return what the device said was free} */
    public long freeBytes() {
        return freeBytes;
    }
}
