/**
 * Checks of a whole device, run by {@code scripts/gpu-first} and {@code gpu-compare} on the
 * hardware. {@code -Ddensenet4j.device} names the device; without it that is the CPU.
 */
package org.densenet4j.hardware;
