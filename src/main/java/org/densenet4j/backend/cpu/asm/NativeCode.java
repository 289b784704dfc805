package org.densenet4j.backend.cpu.asm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.foreign.CFunction;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Machine code in memory of its own, callable as a function of one address. Pages are written first
 * and executable afterwards, never both.
 */
public final class NativeCode implements AutoCloseable {
    private static final int READ_WRITE = 3;
    private static final int READ_EXECUTE = 5;
    private static final int PRIVATE_ANONYMOUS = 0x22;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final CFunction MMAP = CFunction.ofSystem("mmap");
    private static final CFunction MPROTECT = CFunction.ofSystem("mprotect");
    private static final CFunction MUNMAP = CFunction.ofSystem("munmap");
    private static final MethodHandle CALL =
            LINKER.downcallHandle(FunctionDescriptor.ofVoid(ADDRESS));
    private static final MethodHandle CALL_WITH_ADDRESSES =
            LINKER.downcallHandle(
                    FunctionDescriptor.ofVoid(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private final MemorySegment pages;
    private final long bytes;
    private boolean closed;

    /**
     * Copies code into pages of its own.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public NativeCode(byte[] code) {
        bytes = code.length;
        long address = MMAP.call(0, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
        if (address == -1) {
            throw new UnsupportedOperationException("no memory for machine code");
        }
        pages = MemorySegment.ofAddress(address);
        MemorySegment.copy(code, 0, pages.reinterpret(bytes), JAVA_BYTE, 0, code.length);
        if ((int) MPROTECT.call(address, bytes, READ_EXECUTE) != 0) {
            close();
            throw new UnsupportedOperationException("memory cannot be made executable here");
        }
    }

    /**
     * Runs.
     *
     * @throws IllegalStateException when this code or the memory of its arguments is closed
     */
    public void call(MemorySegment arguments) {
        if (closed) {
            throw new IllegalStateException("the code is closed");
        }
        try {
            CALL.invokeExact(pages, arguments);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Runs with addresses in the registers that a function's arguments are in (System V): RDI, RSI,
     * RDX, RCX and R8.
     *
     * @throws IllegalStateException when this code is closed
     */
    public void call(long first, long second, long third, long fourth, long fifth) {
        if (closed) {
            throw new IllegalStateException("the code is closed");
        }
        try {
            CALL_WITH_ADDRESSES.invokeExact(pages, first, second, third, fourth, fifth);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        MUNMAP.call(pages.address(), bytes);
    }
}
