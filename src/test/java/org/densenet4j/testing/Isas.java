package org.densenet4j.testing;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.InstructionSets;

import java.util.ArrayList;
import java.util.List;

/** What a CPU's kernels may be held to on this machine, each different from the others. */
public final class Isas {
    private Isas() {}

    /** For activations in float32: every instruction set, and none. */
    public static List<CpuIsa> ofFloats() {
        List<CpuIsa> isas = new ArrayList<>(List.of(CpuIsa.BEST));
        if (has(InstructionSet.AVX512)) {
            isas.add(CpuIsa.AVX2);
        }
        isas.add(CpuIsa.NONE);
        return isas;
    }

    /** For activations in bfloat16: also with and without products of pairs. */
    public static List<CpuIsa> ofHalves() {
        List<CpuIsa> isas = new ArrayList<>(List.of(CpuIsa.BEST));
        if (has(InstructionSet.AVX512_BF16)) {
            isas.add(CpuIsa.AVX512_BF16);
        }
        if (has(InstructionSet.AVX512)) {
            isas.add(CpuIsa.AVX512);
            isas.add(CpuIsa.AVX2);
        }
        return isas;
    }

    private static boolean has(InstructionSet set) {
        return InstructionSets.here().contains(set);
    }
}
