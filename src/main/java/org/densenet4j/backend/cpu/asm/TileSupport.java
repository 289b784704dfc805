package org.densenet4j.backend.cpu.asm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/**
 * Whether products of tiles can be relied upon here: the processor has them, the system permits
 * this process to use them, and they are right. The last is checked because a processor that says
 * it has tiles may run on a virtual machine that does not keep them.
 */
public final class TileSupport {
    /** {@code arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)}, from Linux 5.16 on. */
    private static final long ARCH_PRCTL = 158;

    private static final long REQUEST_PERMISSION = 0x1023;
    private static final long TILE_DATA = 18;

    private static final boolean HERE =
            Processor.hasTiles()
                    && permitted()
                    && TileCheck.isRight()
                    && TileCheck.isRightOnAnotherThread();

    private TileSupport() {}

    /** Whether kernels may use tiles; the first call finds out. */
    public static boolean here() {
        return HERE;
    }

    private static boolean permitted() {
        Linker linker = Linker.nativeLinker();
        MethodHandle syscall =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("syscall"),
                        FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                        Linker.Option.firstVariadicArg(1));
        try {
            return (long) syscall.invokeExact(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) == 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
