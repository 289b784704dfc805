package org.densenet4j.bench;

import org.bytedeco.pytorch.global.torch;

/**
 * {@code with torch.autocast("cpu", torch.bfloat16):} — what Python's context manager does, call by
 * call. Weights that were rounded are forgotten when the outermost one ends.
 */
final class Autocast implements AutoCloseable {
    private final boolean on;
    private final boolean before;

    private Autocast(boolean on) {
        this.on = on;
        this.before = torch.is_autocast_enabled(torch.DeviceType.CPU);
    }

    /** Rounds to bf16 from here on, if that is wanted. */
    static Autocast begin(boolean wanted) {
        Autocast scope = new Autocast(wanted);
        if (wanted) {
            torch.set_autocast_enabled(torch.DeviceType.CPU, true);
            torch.set_autocast_dtype(torch.DeviceType.CPU, torch.ScalarType.BFloat16);
            torch.set_autocast_cache_enabled(true);
            torch.increment_nesting();
        }
        return scope;
    }

    @Override
    public void close() {
        if (on) {
            if (torch.decrement_nesting() == 0) {
                torch.clear_cache();
            }
            torch.set_autocast_enabled(torch.DeviceType.CPU, before);
        }
    }
}
