package org.densenet4j.backend.cpu;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Processor;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.Words;

import java.util.Optional;

/**
 * What kernels are compiled for.
 *
 * @param set the instructions
 * @param bfloat16Words what products of activations in bfloat16 take their operands in
 */
record Target(InstructionSet set, Words bfloat16Words) {

    /**
     * The best that an instruction set, the processor and the system allow.
     *
     * @param dnn a limit that is set for it ({@code ONEDNN_MAX_CPU_ISA}) is one for kernels, too
     */
    static Optional<Target> of(CpuIsa isa, OneDnn dnn) {
        if (isa == CpuIsa.NONE) {
            return Optional.empty();
        }
        return Processor.instructions()
                .flatMap(dnn::limit)
                .map(set -> isa == CpuIsa.AVX2 ? InstructionSet.AVX2 : set)
                .map(
                        set ->
                                new Target(
                                        set,
                                        set.includes(InstructionSet.AVX512_BF16)
                                                ? Words.BFLOAT16_PAIRS
                                                : Words.FLOATS));
    }

    /** What products of activations of a type take their operands in. */
    Words words(DataType type) {
        return type == DataType.FLOAT32 ? Words.FLOATS : bfloat16Words;
    }

    /** How activations of a type are stored. */
    static Storage storage(DataType type) {
        return switch (type) {
            case FLOAT32 -> Storage.FLOAT32;
            case BFLOAT16 -> Storage.BFLOAT16;
        };
    }
}
