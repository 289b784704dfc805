package org.densenet4j.backend.cpu;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Machine code of one kind, compiled when a form is first met, and kept.
 *
 * @param <F> what it is compiled for
 * @param <C> the code
 */
final class CompiledCodes<F, C> implements AutoCloseable {
    private final Map<F, C> codes = new ConcurrentHashMap<>();
    private final Function<F, C> compile;
    private final Consumer<C> close;
    private boolean closed;

    CompiledCodes(Function<F, C> compile, Consumer<C> close) {
        this.compile = compile;
        this.close = close;
    }

    /**
     * The code for a form. After {@link #close}, code that is there is still returned; its run()
     * throws.
     *
     * @throws IllegalStateException when it would have to be compiled after {@link #close}
     */
    C of(F form) {
        C code = codes.get(form);
        if (code != null) {
            return code;
        }
        if (closed) {
            throw new IllegalStateException("machine code is closed");
        }
        return codes.computeIfAbsent(form, compile);
    }

    @Override
    public void close() {
        closed = true;
        codes.values().forEach(close);
    }
}
