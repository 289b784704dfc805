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
 * What kernels are compiled for. What only some products ask about the processor, which takes tens
 * of milliseconds to find out, is found out when one of them asks for it.
 */
final class Target {
    private final InstructionSet set;
    private final BooleanSupplier pairsPay;
    private final BooleanSupplier tiles;
    private final BooleanSupplier tripletsPay;

    /**
     * A target.
     *
     * @param set the instructions
     * @param pairsPay whether products of activations in bfloat16 take pairs of them, not floats;
     *     asked only where there are instructions for it
     * @param tiles whether there are products of tiles of bfloat16 (AMX)
     * @param tripletsPay whether large products of float32 take six of those; asked only where
     *     there are tiles
     */
    Target(
            InstructionSet set,
            BooleanSupplier pairsPay,
            BooleanSupplier tiles,
            BooleanSupplier tripletsPay) {
        this.set = set;
        this.pairsPay = pairsPay;
        this.tiles = tiles;
        this.tripletsPay = tripletsPay;
    }

    /**
     * The best that an instruction set, the processor and the system allow. Nothing is measured for
     * a device that has to repeat itself bit by bit: products of pairs then have to be asked for,
     * and those of tiles are taken where there are tiles.
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
                                            () -> dnn.allowsTiles() && TileSupport.here(),
                                            () -> options.deterministic() || TripletTrial.pays()));
            case AVX512_BF16 -> here.map(set -> withoutTiles(set, true));
            case AVX512 -> here.map(set -> without(InstructionSet.AVX512, set));
            case AVX2 -> here.map(set -> without(InstructionSet.AVX2, set));
            case NONE -> Optional.empty();
        };
    }

    /** No more than an instruction set. */
    private static Target without(InstructionSet most, InstructionSet here) {
        return withoutTiles(here.includes(most) ? most : here, false);
    }

    private static Target withoutTiles(InstructionSet set, boolean pairs) {
        return new Target(set, () -> pairs, () -> false, () -> false);
    }

    InstructionSet set() {
        return set;
    }

    /** Whether there are products of tiles of bfloat16 (AMX). */
    boolean tiles() {
        return tiles.getAsBoolean();
    }

    /** Whether large products of float32 are such of tiles; see {@link TripletProducts}. */
    boolean triplets() {
        return tiles() && tripletsPay.getAsBoolean();
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
