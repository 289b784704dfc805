package org.densenet4j.backend.cpu.asm;

import java.lang.foreign.MemorySegment;

/** Whether this system runs machine code of ours. */
public final class MachineCode {
    private static final byte RETURN = (byte) 0xC3;

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
        try (NativeCode code = new NativeCode(new byte[] {RETURN})) {
            code.call(MemorySegment.NULL);
            return true;
        } catch (UnsupportedOperationException e) {
            return false;
        }
    }
}
