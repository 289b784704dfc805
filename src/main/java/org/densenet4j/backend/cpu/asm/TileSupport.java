package org.densenet4j.backend.cpu.asm;

import org.densenet4j.foreign.CFunction;

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
        // The C library's syscall is variadic; integers go in the same registers then.
        return CFunction.ofSystem("syscall").call(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) == 0;
    }
}
