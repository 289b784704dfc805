package org.densenet4j.backend.cpu.asm;

import java.util.Arrays;
import java.util.List;

/** Instruction sets that this machine runs. */
public final class InstructionSets {
    private InstructionSets() {}

    /** Each of them; none where no machine code runs. */
    public static List<InstructionSet> here() {
        return Processor.instructions().stream()
                .flatMap(best -> Arrays.stream(InstructionSet.values()).filter(best::includes))
                .toList();
    }
}
