package org.densenet4j.backend.cpu.code;

import java.lang.foreign.MemorySegment;

/** Whether this system runs machine code of ours. */
public final class MachineCode {
    private static final boolean ALLOWED = supported() && executes();

    private MachineCode() {}

    /**
     * Whether the system is one that the code is written for and lets memory become executable (a
     * hardened one may not). The processor is another question.
     */
    public static boolean allowed() {
        return ALLOWED;
    }

    /** Whether the code is written for this system: Linux on x86-64. */
    public static boolean supported() {
        return System.getProperty("os.name").equals("Linux")
                && System.getProperty("os.arch").equals("amd64");
    }

    private static boolean executes() {
        Assembler a = new Assembler();
        a.enter();
        a.leave();
        try (NativeCode code = new NativeCode(a.bytes())) {
            code.call(MemorySegment.NULL);
            return true;
        } catch (UnsupportedOperationException e) {
            return false;
        }
    }
}
