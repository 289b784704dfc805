package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Processor;
import org.densenet4j.backend.cpu.asm.TileSupport;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.Words;

import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * What kernels are compiled for. What only bfloat16 asks about the processor, which takes tens of
 * milliseconds to find out, is found out when something in bfloat16 asks for it.
 */
final class Target {
    private final InstructionSet set;
    private final BooleanSupplier pairsPay;
    private final BooleanSupplier tiles;

    /**
     * A target.
     *
     * @param set the instructions
     * @param pairsPay whether products of activations in bfloat16 take pairs of them, not floats;
     *     asked only where there are instructions for it
     * @param tiles whether there are products of tiles of bfloat16 (AMX)
     */
    Target(InstructionSet set, BooleanSupplier pairsPay, BooleanSupplier tiles) {
        this.set = set;
        this.pairsPay = pairsPay;
        this.tiles = tiles;
    }

    /**
     * The best that an instruction set, the processor and the system allow. Nothing is measured for
     * a device that has to repeat itself bit by bit: products of pairs then have to be asked for.
     *
     * @param dnn a limit that is set for it ({@code ONEDNN_MAX_CPU_ISA}) is one for kernels, too
     */
    static Optional<Target> of(DeviceOptions options, OneDnn dnn) {
        Optional<InstructionSet> here = Processor.instructions().flatMap(dnn::limit);
        return switch (options.isa()) {
            case BEST ->
                    here.map(
                            set ->
                                    new Target(
                                            set,
                                            () -> !options.deterministic() && PairProducts.pay(),
                                            () -> dnn.allowsTiles() && TileSupport.here()));
            case AVX512_BF16 -> here.map(set -> new Target(set, () -> true, () -> false));
            case AVX512 -> here.map(set -> without(InstructionSet.AVX512, set));
            case AVX2 -> here.map(set -> without(InstructionSet.AVX2, set));
            case NONE -> Optional.empty();
        };
    }

    /** No more than an instruction set. */
    private static Target without(InstructionSet most, InstructionSet here) {
        return new Target(here.includes(most) ? most : here, () -> false, () -> false);
    }

    InstructionSet set() {
        return set;
    }

    /** Whether there are products of tiles of bfloat16 (AMX). */
    boolean tiles() {
        return tiles.getAsBoolean();
    }

    /** What products of activations of a type take their operands in. */
    Words words(DataType type) {
        return type == DataType.BFLOAT16
                        && set.includes(InstructionSet.AVX512_BF16)
                        && pairsPay.getAsBoolean()
                ? Words.BFLOAT16_PAIRS
                : Words.FLOATS;
    }

    /** How activations of a type are stored. */
    static Storage storage(DataType type) {
        return switch (type) {
            case FLOAT32 -> Storage.FLOAT32;
            case BFLOAT16 -> Storage.BFLOAT16;
        };
    }
}
