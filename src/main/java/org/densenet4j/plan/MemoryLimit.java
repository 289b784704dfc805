package org.densenet4j.plan;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceMemoryException;

/**
 * The most memory that a plan may need.
 *
 * @param bytes how much
 * @param reason whose limit it is, in a clause
 */
record MemoryLimit(long bytes, String reason) {
    /**
     * That of a budget and of what a device has free, whichever is lower.
     *
     * @param budget bytes; {@code Long.MAX_VALUE} for none
     */
    static MemoryLimit of(Device device, long budget) {
        long free = device.availableBytes();
        return budget <= free
                ? new MemoryLimit(budget, "the budget is " + Bytes.format(budget))
                : new MemoryLimit(free, device.name() + " has " + Bytes.format(free) + " free");
    }

    /**
     * That of a device which refused an arena although it seemed to have the memory: it lies in
     * pieces, or another process was faster.
     *
     * @param refused bytes of the arena
     */
    static MemoryLimit of(Device device, long refused, DeviceMemoryException e) {
        String reason = device.name() + " refused it with " + Bytes.format(e.freeBytes()) + " free";
        return new MemoryLimit(Math.min(e.freeBytes(), refused - 1), reason);
    }
}
