package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F38;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F3A;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.NO_PREFIX;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_66;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_F2;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_F3;

import java.util.Arrays;

/**
 * AVX2 with FMA: 16 registers of 256 bits, the last of which is {@link #scratch}.
 *
 * <p>Tails are stored piece by piece, of four, two and one element: masked stores take dozens of
 * cycles on AMD's processors.
 */
public final class Avx2Assembler extends Assembler {
    private static final int HALF_BYTES = 16;
    private static final int SWAP_HALVES = 0x01;
    private static final Vector SCRATCH = new Vector(15);

    Avx2Assembler() {
        super(InstructionSet.AVX2);
    }

    @Override
    Vex vector(int map, int prefix, int opcode) {
        return new Vex(code, map, prefix, opcode);
    }

    @Override
    public Vector scratch() {
        return SCRATCH;
    }

    @Override
    public Tail tail(int floats) {
        return new Tail(floats % set().floats(), 0);
    }

    @Override
    public void load(Vector to, Address from, Tail tail) {
        switch (tail.elements()) {
            case 0 -> load(to, from);
            case 1 -> vector(MAP_0F, PREFIX_F3, 0x10).bits128().memory(to, null, from, 4); // vmovss
            case 2 -> vector(MAP_0F, PREFIX_F2, 0x10).bits128().memory(to, null, from, 8); // vmovsd
            case 4 -> vector(MAP_0F, NO_PREFIX, 0x10).bits128().memory(to, null, from, 16);
            default -> {
                constant(to, mask(tail));
                vector(MAP_0F38, PREFIX_66, 0x2C).memory(to, to, from, 32); // vmaskmovps
            }
        }
    }

    /** All bits of the tail's elements. */
    private int[] mask(Tail tail) {
        int[] words = everywhere(-1);
        if (!tail.isWhole()) {
            Arrays.fill(words, tail.elements(), words.length, 0);
        }
        return words;
    }

    @Override
    public void store(Vector from, Address to, Tail tail) {
        if (tail.isWhole()) {
            store(from, to);
            return;
        }
        int rest = tail.elements();
        Vector piece = from;
        Address at = to;
        if (rest >= 4) {
            vector(MAP_0F, NO_PREFIX, 0x11).bits128().memory(from, null, at, 16);
            rest -= 4;
            at = at.plus(4 * Float.BYTES);
            if (rest > 0) {
                upperHalf(SCRATCH, from);
                piece = SCRATCH;
            }
        }
        if (rest >= 2) {
            vector(MAP_0F, NO_PREFIX, 0x13).bits128().memory(piece, null, at, 8); // vmovlps
            at = at.plus(2 * Float.BYTES);
        }
        if (rest % 2 > 0) {
            vector(MAP_0F3A, PREFIX_66, 0x17).bits128().memory(piece, null, at, 4); // vextractps
            code.write(rest - 1);
        }
    }

    /** Elements 4 to 7. */
    private void upperHalf(Vector to, Vector from) {
        vector(MAP_0F3A, PREFIX_66, 0x19).registers(from, null, to); // vextractf128
        code.write(1);
    }

    @Override
    public void gather(Vector to, Address from, Vector places, Tail tail) {
        zero(to);
        constant(SCRATCH, mask(tail));
        vector(MAP_0F38, PREFIX_66, 0x92).indexed(to, SCRATCH, from, places);
    }

    @Override
    public void addProductOfBroadcast(Vector sum, Vector a, Address b) {
        broadcast(SCRATCH, b);
        addProduct(sum, a, SCRATCH);
    }

    @Override
    public void keepWherePositive(Vector v, Vector y, Vector zero) {
        vector(MAP_0F, NO_PREFIX, 0xC2).registers(SCRATCH, zero, y);
        code.write(1); // less
        andFloats(v, v, SCRATCH);
    }

    @Override
    public void keepWherePositive(Vector v, Address y, Vector zero) {
        vector(MAP_0F, NO_PREFIX, 0xC2).memory(SCRATCH, zero, y, set().vectorBytes());
        code.write(1); // less
        andFloats(v, v, SCRATCH);
    }

    @Override
    public void keepWhereEqual(Vector v, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0xC2).registers(SCRATCH, a, b);
        code.write(0); // equal
        andFloats(v, v, SCRATCH);
    }

    private void andFloats(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x54).registers(to, a, b);
    }

    @Override
    public void reciprocalEstimate(Vector to, Vector from) {
        vector(MAP_0F, NO_PREFIX, 0x53).registers(to, null, from); // vrcpps
    }

    @Override
    void addQuarters(Vector v, Vector temporary) {
        vector(MAP_0F3A, PREFIX_66, 0x06).registers(temporary, v, v); // vperm2f128
        code.write(SWAP_HALVES);
        add(v, v, temporary);
    }

    // ---------------------------------------------------------------- vectors of bfloat16

    @Override
    public void loadHalves(Vector to, Address from, Tail tail) {
        if (tail.isWhole()) {
            vector(MAP_0F38, PREFIX_66, 0x33).memory(to, null, from, HALF_BYTES); // vpmovzxwd
            return;
        }
        int rest = tail.elements();
        int loaded = 0;
        if (rest >= 4) {
            vector(MAP_0F, PREFIX_F3, 0x7E).bits128().memory(to, null, from, 8); // vmovq
            loaded = 4;
        } else {
            vector(MAP_0F, PREFIX_66, 0xEF).bits128().registers(to, to, to);
        }
        if (rest - loaded >= 2) {
            vector(MAP_0F3A, PREFIX_66, 0x22) // vpinsrd
                    .bits128()
                    .memory(to, to, from.plus((long) loaded * Short.BYTES), 4);
            code.write(loaded / 2);
            loaded += 2;
        }
        if (rest > loaded) {
            vector(MAP_0F, PREFIX_66, 0xC4) // vpinsrw
                    .bits128()
                    .memory(to, to, from.plus((long) loaded * Short.BYTES), 2);
            code.write(loaded);
        }
        vector(MAP_0F38, PREFIX_66, 0x33).registers(to, null, to); // vpmovzxwd
    }

    @Override
    public void storeBFloat16(Vector from, Address to, Tail tail) {
        // Half a unit in the last place that stays, less one bit where that place is even.
        copy(SCRATCH, from);
        shiftRight(SCRATCH, Short.SIZE);
        vector(MAP_0F, PREFIX_66, 0xDB).constant(SCRATCH, SCRATCH, everywhere(1)); // vpand
        addIntegers(from, from, SCRATCH);
        vector(MAP_0F, PREFIX_66, 0xFE).constant(from, from, everywhere(0x7FFF)); // vpaddd
        shiftRight(from, Short.SIZE);
        upperHalf(SCRATCH, from);
        vector(MAP_0F38, PREFIX_66, 0x2B).bits128().registers(from, from, SCRATCH); // vpackusdw
        storeHalves(from, to, tail);
    }

    /** Up to eight words of 16 bits from the lower half of a vector. */
    private void storeHalves(Vector from, Address to, Tail tail) {
        if (tail.isWhole()) {
            vector(MAP_0F, NO_PREFIX, 0x11).bits128().memory(from, null, to, HALF_BYTES);
            return;
        }
        int stored = 0;
        if (tail.elements() >= 4) {
            vector(MAP_0F, PREFIX_66, 0xD6).bits128().memory(from, null, to, 8); // vmovq
            stored = 4;
        }
        if (tail.elements() - stored >= 2) {
            vector(MAP_0F3A, PREFIX_66, 0x16) // vpextrd
                    .bits128()
                    .memory(from, null, to.plus((long) stored * Short.BYTES), 4);
            code.write(stored / 2);
            stored += 2;
        }
        if (tail.elements() > stored) {
            vector(MAP_0F3A, PREFIX_66, 0x15) // vpextrw
                    .bits128()
                    .memory(from, null, to.plus((long) stored * Short.BYTES), 2);
            code.write(stored);
        }
    }
}
