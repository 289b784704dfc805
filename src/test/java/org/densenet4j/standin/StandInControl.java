package org.densenet4j.standin;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * In a process that has the stand-in driver: what it counted, and which of its calls shall fail.
 */
public final class StandInControl {
    private static final int MOST_TEXT = 1 << 20;

    private final SymbolLookup driver;

    private StandInControl(SymbolLookup driver) {
        this.driver = driver;
    }

    /** The driver of the first folder in {@code DENSENET4J_CUDA_LIBS}. */
    public static StandInControl ofThisProcess() {
        String folder = System.getenv("DENSENET4J_CUDA_LIBS").split(":")[0];
        return new StandInControl(
                SymbolLookup.libraryLookup(Path.of(folder, "libcuda.so.1"), Arena.global()));
    }

    /**
     * Lets the n-th call from now fail, of whichever of the libraries.
     *
     * @param n from 1; 0 for none
     * @param status what it answers; 0 for the usual status of its library
     * @param loses whether every later call on the device fails too
     */
    public void failAt(long n, int status, boolean loses) {
        invoke(
                "standin_fail_at",
                FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_INT, JAVA_INT),
                n,
                status,
                loses ? 1 : 0);
    }

    /**
     * Sets a variable {@code STANDIN_...} that is read more than once, or takes it away.
     *
     * @param value empty to take it away
     */
    public void set(String name, String value) {
        try (Arena arena = Arena.ofConfined()) {
            invoke(
                    "standin_set",
                    FunctionDescriptor.ofVoid(ADDRESS, ADDRESS),
                    arena.allocateFrom(name),
                    arena.allocateFrom(value));
        }
    }

    /** Calls since {@link #failAt}. */
    public long seen() {
        return (long) invoke("standin_seen", FunctionDescriptor.of(JAVA_LONG));
    }

    /** The function of the n-th call since {@link #failAt}, from 1. */
    public String function(long n) {
        return text("standin_function", n);
    }

    /** The function that failed since {@link #failAt}; empty for none. */
    public String failed() {
        return text("standin_failed");
    }

    /** What is alive, such as {@code device-blocks=1 streams=2}; empty for nothing. */
    public String live() {
        return text("standin_live");
    }

    /** Preconditions that were broken. */
    public long violations() {
        return (long) invoke("standin_violations", FunctionDescriptor.of(JAVA_LONG));
    }

    /**
     * How often each kernel, library function and kind of copy was queued or recorded; for copies
     * also the bytes, under {@code "NAME bytes"}.
     */
    public Map<String, Long> calls() {
        Map<String, Long> calls = new LinkedHashMap<>();
        for (String line : text("standin_all_calls").lines().toList()) {
            int blank = line.indexOf(' ');
            calls.put(line.substring(blank + 1), Long.valueOf(line.substring(0, blank)));
        }
        return calls;
    }

    private String text(String function, Object... arguments) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(MOST_TEXT);
            MemoryLayout[] layouts = new MemoryLayout[arguments.length + 2];
            Object[] all = new Object[arguments.length + 2];
            for (int i = 0; i < arguments.length; i++) {
                layouts[i] = JAVA_LONG;
                all[i] = arguments[i];
            }
            layouts[arguments.length] = ADDRESS;
            layouts[arguments.length + 1] = JAVA_INT;
            all[arguments.length] = out;
            all[arguments.length + 1] = MOST_TEXT;
            invoke(function, FunctionDescriptor.ofVoid(layouts), all);
            return out.getString(0);
        }
    }

    private Object invoke(String function, FunctionDescriptor descriptor, Object... arguments) {
        try {
            return Linker.nativeLinker()
                    .downcallHandle(driver.findOrThrow(function), descriptor)
                    .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
