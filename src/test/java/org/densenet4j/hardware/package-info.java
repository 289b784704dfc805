/**
 * Checks of a whole device, run by {@code scripts/gpu-verify} on the hardware. {@code
 * -Ddensenet4j.device} names the device, {@code cpu} where it does not.
 */
package org.densenet4j.hardware;
