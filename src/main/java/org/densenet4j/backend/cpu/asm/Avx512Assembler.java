package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F38;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F3A;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.NO_PREFIX;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_66;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_F2;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_F3;

/**
 * AVX-512: 32 registers of 512 bits. Tails are mask registers from 1 on, and mask 7 is overwritten
 * by what compares; nothing touches {@link #scratch}.
 */
public final class Avx512Assembler extends Assembler {
    private static final int COMPARED = 7;
    private static final int HALF_BYTES = 32;
    private static final int QUARTER_BYTES = 16;

    private int tails;

    Avx512Assembler(InstructionSet set) {
        super(set);
    }

    @Override
    Evex vector(int map, int prefix, int opcode) {
        return new Evex(code, map, prefix, opcode);
    }

    @Override
    public Vector scratch() {
        return new Vector(28);
    }

    @Override
    public Tail tail(int floats) {
        int elements = floats % set().floats();
        if (elements == 0) {
            return Tail.WHOLE;
        }
        if (++tails == COMPARED) {
            throw new IllegalStateException("more tails than mask registers");
        }
        set(Register.RAX, (1L << elements) - 1);
        code.write(0xC5, 0xF8, 0x92, 0xC0 | tails << 3); // kmovw
        return new Tail(elements, tails);
    }

    @Override
    public void load(Vector to, Address from, Tail tail) {
        vector(MAP_0F, NO_PREFIX, 0x10)
                .mask(tail.mask(), true)
                .memory(to, null, from, set().vectorBytes());
    }

    @Override
    public void store(Vector from, Address to, Tail tail) {
        vector(MAP_0F, NO_PREFIX, 0x11)
                .mask(tail.mask(), false)
                .memory(from, null, to, set().vectorBytes());
    }

    @Override
    public void gather(Vector to, Address from, Vector places, Tail tail) {
        zero(to);
        if (tail.isWhole()) {
            code.write(0xC5, 0xC4, 0x46, 0xC0 | COMPARED << 3 | COMPARED); // kxnorw
        } else {
            code.write(0xC5, 0xF8, 0x90, 0xC0 | COMPARED << 3 | tail.mask()); // kmovw
        }
        vector(MAP_0F38, PREFIX_66, 0x92).mask(COMPARED, false).indexed(to, from, places);
    }

    @Override
    public void addProductOfBroadcast(Vector sum, Vector a, Address b) {
        vector(MAP_0F38, PREFIX_66, 0xB8).broadcasting().memory(sum, a, b, Float.BYTES);
    }

    @Override
    public void keepWherePositive(Vector v, Vector y, Vector zero) {
        vector(MAP_0F, NO_PREFIX, 0xC2).registers(new Vector(COMPARED), zero, y);
        code.write(1); // less
        keep(v);
    }

    @Override
    public void keepWherePositive(Vector v, Address y, Vector zero) {
        vector(MAP_0F, NO_PREFIX, 0xC2).memory(new Vector(COMPARED), zero, y, set().vectorBytes());
        code.write(1); // less
        keep(v);
    }

    @Override
    public void keepWhereEqual(Vector v, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0xC2).registers(new Vector(COMPARED), a, b);
        code.write(0); // equal
        keep(v);
    }

    /** Zeros in {@code v} where a and b share no bit. */
    public void keepWhereBitsAreShared(Vector v, Vector a, Vector b) {
        vector(MAP_0F38, PREFIX_66, 0x27).registers(new Vector(COMPARED), a, b);
        keep(v);
    }

    /** A vector of memory, with zeros where {@code a} and {@code b} share no bit. */
    public void loadWhereBitsAreShared(Vector to, Address from, Vector a, Vector b) {
        vector(MAP_0F38, PREFIX_66, 0x27).registers(new Vector(COMPARED), a, b);
        vector(MAP_0F, NO_PREFIX, 0x10)
                .mask(COMPARED, true)
                .memory(to, null, from, set().vectorBytes());
    }

    private void keep(Vector v) {
        vector(MAP_0F, NO_PREFIX, 0x28).mask(COMPARED, true).registers(v, null, v);
    }

    @Override
    public void reciprocalEstimate(Vector to, Vector from) {
        vector(MAP_0F38, PREFIX_66, 0x4C).registers(to, null, from); // vrcp14ps
    }

    @Override
    void addQuarters(Vector v, Vector temporary) {
        for (int order : new int[] {SWAP_PAIRS, SWAP_NEIGHBOURS}) {
            vector(MAP_0F3A, PREFIX_66, 0x23).wide().registers(temporary, v, v); // vshuff64x2
            code.write(order);
            add(v, v, temporary);
        }
    }

    // ---------------------------------------------------------------- vectors of bfloat16

    @Override
    public void loadHalves(Vector to, Address from, Tail tail) {
        vector(MAP_0F38, PREFIX_66, 0x33)
                .mask(tail.mask(), true)
                .memory(to, null, from, HALF_BYTES);
    }

    @Override
    public void storeBFloat16(Vector from, Address to, Tail tail) {
        if (set().includes(InstructionSet.AVX512_BF16)) {
            round(from, from);
            storeLowerHalf(from, to, tail);
            return;
        }
        // Half a unit in the last place that stays, less one bit where that place is even.
        vector(MAP_0F38, PREFIX_66, 0x27)
                .constant(new Vector(COMPARED), from, everywhere(1 << Short.SIZE));
        vector(MAP_0F, PREFIX_66, 0xFE).constant(from, from, everywhere(0x7FFF));
        vector(MAP_0F, PREFIX_66, 0xFE).mask(COMPARED, false).constant(from, from, everywhere(1));
        shiftRight(from, Short.SIZE);
        vector(MAP_0F38, PREFIX_F3, 0x33)
                .mask(tail.mask(), false)
                .memory(from, null, to, HALF_BYTES);
    }

    /** Words of 16 bits in the lower half of a vector. */
    public void storeLowerHalf(Vector from, Address to, Tail tail) {
        vector(MAP_0F, PREFIX_F2, 0x7F)
                .wide()
                .bits256()
                .mask(tail.mask(), false)
                .memory(from, null, to, HALF_BYTES);
    }

    /** The upper half of a vector. */
    public void storeUpperHalf(Vector from, Address to) {
        vector(MAP_0F3A, PREFIX_66, 0x1B).wide().memory(from, null, to, HALF_BYTES);
        code.write(1);
    }

    /** bfloat16, to nearest even, in the lower half of {@code to}. */
    public void round(Vector to, Vector from) {
        vector(MAP_0F38, PREFIX_F3, 0x72).registers(to, null, from);
    }

    /** Both rounded to bfloat16, to nearest even: one in each half of {@code to}. */
    public void round(Vector to, Vector upper, Vector lower) {
        vector(MAP_0F38, PREFIX_F2, 0x72).registers(to, upper, lower);
    }

    /** Words of 16 bits in the order of {@code indices}. */
    public void permuteHalves(Vector to, Vector indices, Vector from) {
        vector(MAP_0F38, PREFIX_66, 0x8D).wide().registers(to, indices, from);
    }

    /** {@code to} with one of its quarters from memory. */
    public void insertQuarter(Vector to, int quarter, Address from) {
        vector(MAP_0F3A, PREFIX_66, 0x38).memory(to, to, from, QUARTER_BYTES);
        code.write(quarter);
    }

    /** The first quarter of a vector from memory; the others are zeros. */
    public void loadQuarter(Vector to, Address from) {
        vector(MAP_0F, NO_PREFIX, 0x10).bits128().memory(to, null, from, QUARTER_BYTES);
    }

    /** In every quarter of {@code to}: elements 0 of a and b, then 1 of both. */
    public void interleaveLower(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x14).registers(to, a, b);
    }

    /** In every quarter of {@code to}: elements 2 of a and b, then 3 of both. */
    public void interleaveUpper(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x15).registers(to, a, b);
    }

    /** In every quarter of {@code to}: elements 0 and 1 of a, then those of b. */
    public void joinLower(Vector to, Vector a, Vector b) {
        vector(MAP_0F, PREFIX_66, 0x14).wide().registers(to, a, b);
    }

    /** In every quarter of {@code to}: elements 2 and 3 of a, then those of b. */
    public void joinUpper(Vector to, Vector a, Vector b) {
        vector(MAP_0F, PREFIX_66, 0x15).wide().registers(to, a, b);
    }

    /** {@code sum += a₀·b₀ + a₁·b₁}, an element of a and b being a pair of bfloat16. */
    public void addProductOfPairs(Vector sum, Vector a, Vector b) {
        vector(MAP_0F38, PREFIX_F3, 0x52).registers(sum, a, b);
    }

    /** {@code sum += a₀·b₀ + a₁·b₁} with one pair of memory for all elements of b. */
    public void addProductOfBroadcastPairs(Vector sum, Vector a, Address b) {
        vector(MAP_0F38, PREFIX_F3, 0x52).broadcasting().memory(sum, a, b, Float.BYTES);
    }
}
