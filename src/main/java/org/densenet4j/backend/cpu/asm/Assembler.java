package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F38;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F3A;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.NO_PREFIX;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_66;

import java.util.Arrays;

/**
 * Writes x86-64 machine code: the few instructions that the kernels consist of, for one {@link
 * InstructionSet}. Encodings are those of Intel's Software Developer's Manual, volume 2, chapter 2.
 *
 * <p>Operands come in Intel's order, the destination first. A vector is as many float32 as the
 * instruction set's registers hold, where a name does not say otherwise. What one instruction set
 * lacks is made of several of its instructions, which may overwrite {@link #scratch}; what they
 * compute is the same, but for the payloads of NaNs.
 */
public abstract class Assembler {
    private static final Register[] SAVED = {
        Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15
    };

    /** Of four elements or quarters: 2, 3, 0, 1. */
    static final int SWAP_PAIRS = 0x4E;

    /** Of four elements or quarters: 1, 0, 3, 2. */
    static final int SWAP_NEIGHBOURS = 0xB1;

    final CodeBuffer code;
    private final InstructionSet set;

    Assembler(InstructionSet set) {
        this.set = set;
        this.code = new CodeBuffer(set.vectorBytes());
    }

    /** The instructions that are written. */
    public final InstructionSet set() {
        return set;
    }

    /** What has been written, with its constants behind it. */
    public final byte[] bytes() {
        return code.bytes();
    }

    /** An instruction that both encodings have. */
    abstract VectorInstruction vector(int map, int prefix, int opcode);

    /**
     * The register that instructions made of several may overwrite. Between them a kernel may use
     * it; where nothing is made of several it is never touched.
     */
    public abstract Vector scratch();

    // ---------------------------------------------------------------- vectors

    /**
     * The first elements of a vector.
     *
     * @param floats how many, counted on beyond any number of whole vectors; where none are left
     *     over, it is every element. Overwrites RAX.
     */
    public abstract Tail tail(int floats);

    public final void load(Vector to, Address from) {
        vector(MAP_0F, NO_PREFIX, 0x10).memory(to, null, from, set.vectorBytes());
    }

    /** Elements that the tail leaves out are zero, and their memory is not touched. */
    public abstract void load(Vector to, Address from, Tail tail);

    public final void store(Vector from, Address to) {
        vector(MAP_0F, NO_PREFIX, 0x11).memory(from, null, to, set.vectorBytes());
    }

    /** Memory of elements that the tail leaves out is not touched. */
    public abstract void store(Vector from, Address to, Tail tail);

    /**
     * Words of 32 bits, each from its own distance in bytes to an address; those that the tail
     * leaves out are zero and not read.
     *
     * @param places the distances, in another register than the result
     */
    public abstract void gather(Vector to, Address from, Vector places, Tail tail);

    public final void zero(Vector to) {
        vector(MAP_0F, PREFIX_66, 0xEF).registers(to, to, to);
    }

    /** Words of 32 bits, one for each element, that are kept behind the code. */
    public final void constant(Vector to, int... words) {
        vector(MAP_0F, NO_PREFIX, 0x10).constant(to, null, words);
    }

    /** The same word of 32 bits in every element. */
    public final void constantEverywhere(Vector to, int word) {
        constant(to, everywhere(word));
    }

    /** The same float in every element. */
    public final void everywhere(Vector to, float value) {
        constantEverywhere(to, Float.floatToRawIntBits(value));
    }

    final int[] everywhere(int word) {
        int[] words = new int[set.floats()];
        Arrays.fill(words, word);
        return words;
    }

    /** {@code 0, distance, 2·distance, …}: the places of a vector's rows or columns. */
    public final void multiples(Vector to, long distance) {
        int[] words = new int[set.floats()];
        Arrays.setAll(words, i -> Math.toIntExact(i * distance));
        constant(to, words);
    }

    /** All elements from one float in memory. */
    public final void broadcast(Vector to, Address from) {
        vector(MAP_0F38, PREFIX_66, 0x18).memory(to, null, from, Float.BYTES);
    }

    /** {@code to = to·b + c}. */
    public final void multiplyAdd(Vector to, Vector b, Vector c) {
        vector(MAP_0F38, PREFIX_66, 0xA8).registers(to, b, c);
    }

    /** {@code sum += a·b}. */
    public final void addProduct(Vector sum, Vector a, Vector b) {
        vector(MAP_0F38, PREFIX_66, 0xB8).registers(sum, a, b);
    }

    /** {@code sum += a·b} with one float of memory for all elements of b. */
    public abstract void addProductOfBroadcast(Vector sum, Vector a, Address b);

    /** {@code sum −= a·b}. */
    public final void subtractProduct(Vector sum, Vector a, Vector b) {
        vector(MAP_0F38, PREFIX_66, 0xBC).registers(sum, a, b);
    }

    public final void copy(Vector to, Vector from) {
        vector(MAP_0F, NO_PREFIX, 0x28).registers(to, null, from);
    }

    public final void add(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x58).registers(to, a, b);
    }

    public final void add(Vector to, Vector a, Address b) {
        vector(MAP_0F, NO_PREFIX, 0x58).memory(to, a, b, set.vectorBytes());
    }

    public final void subtract(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x5C).registers(to, a, b);
    }

    public final void multiply(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x59).registers(to, a, b);
    }

    public final void divide(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x5E).registers(to, a, b);
    }

    /** 1 over each, with a relative error of at most 2^-11. */
    public abstract void reciprocalEstimate(Vector to, Vector from);

    /** Rounded as IEEE 754 says, like a division. */
    public final void squareRoot(Vector to, Vector from) {
        vector(MAP_0F, NO_PREFIX, 0x51).registers(to, null, from);
    }

    /** The larger of each; b where either is NaN. */
    public final void maximum(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x5F).registers(to, a, b);
    }

    /** The smaller of each; b where either is NaN. */
    public final void minimum(Vector to, Vector a, Vector b) {
        vector(MAP_0F, NO_PREFIX, 0x5D).registers(to, a, b);
    }

    /**
     * Zeros in {@code v} where {@code y} is not above zero.
     *
     * @param zero a register of zeros
     */
    public abstract void keepWherePositive(Vector v, Vector y, Vector zero);

    /**
     * Zeros in {@code v} where a vector of memory is not above zero.
     *
     * @param zero a register of zeros
     */
    public abstract void keepWherePositive(Vector v, Address y, Vector zero);

    /** Zeros in {@code v} where a and b differ. */
    public abstract void keepWhereEqual(Vector v, Vector a, Vector b);

    /** The sum of all elements, in every element. Overwrites {@code temporary}. */
    public final void addAcross(Vector v, Vector temporary) {
        addQuarters(v, temporary);
        for (int order : new int[] {SWAP_PAIRS, SWAP_NEIGHBOURS}) {
            vector(MAP_0F3A, PREFIX_66, 0x04).registers(temporary, null, v); // vpermilps
            code.write(order);
            add(v, v, temporary);
        }
    }

    /**
     * Sums of those four elements each that lie 128 bits apart, in every such group. Overwrites
     * {@code temporary}.
     */
    abstract void addQuarters(Vector v, Vector temporary);

    /** Floats as the nearest integers of 32 bits. */
    public final void toIntegers(Vector to, Vector from) {
        vector(MAP_0F, PREFIX_66, 0x5B).registers(to, null, from);
    }

    /** Integers of 32 bits as floats. */
    public final void toFloats(Vector to, Vector from) {
        vector(MAP_0F, NO_PREFIX, 0x5B).registers(to, null, from);
    }

    /** Sums of integers of 32 bits. */
    public final void addIntegers(Vector to, Vector a, Vector b) {
        vector(MAP_0F, PREFIX_66, 0xFE).registers(to, a, b);
    }

    /** Every element of 32 bits, shifted. */
    public final void shiftLeft(Vector v, int bits) {
        shiftLeft(v, v, bits);
    }

    /** Every element of 32 bits, shifted, with zeros from the left. */
    public final void shiftRight(Vector v, int bits) {
        vector(MAP_0F, PREFIX_66, 0x72).registers(new Vector(2), v, v);
        code.write(bits);
    }

    /** Every element of 32 bits of another vector, shifted. */
    public final void shiftLeft(Vector to, Vector from, int bits) {
        vector(MAP_0F, PREFIX_66, 0x72).registers(new Vector(6), to, from);
        code.write(bits);
    }

    /** The bits that both have. */
    public final void and(Vector to, Vector a, Vector b) {
        vector(MAP_0F, PREFIX_66, 0xDB).registers(to, a, b);
    }

    /** The bits of both. */
    public final void or(Vector to, Vector a, Vector b) {
        vector(MAP_0F, PREFIX_66, 0xEB).registers(to, a, b);
    }

    // ---------------------------------------------------------------- vectors of bfloat16

    /** Words of 16 bits, each into the lower half of an element, as a tail of elements. */
    public abstract void loadHalves(Vector to, Address from, Tail tail);

    /** bfloat16 as float32, as a tail of elements. */
    public final void loadBFloat16(Vector to, Address from, Tail tail) {
        loadHalves(to, from, tail);
        shiftLeft(to, Short.SIZE);
    }

    /** Rounds to bfloat16, to nearest even. Overwrites {@code from}. */
    public abstract void storeBFloat16(Vector from, Address to, Tail tail);

    // ---------------------------------------------------------------- caches

    /** Brings a cache line into the first-level cache. */
    public final void prefetch(Address at) {
        prefetch(0x18, 1, at);
    }

    /** Brings a cache line into the second-level cache. */
    public final void prefetchSecondLevel(Address at) {
        prefetch(0x18, 2, at);
    }

    /** Brings a cache line into the first-level cache to be written. */
    public final void prefetchForWriting(Address at) {
        prefetch(0x0D, 1, at);
    }

    private void prefetch(int opcode, int hint, Address at) {
        rex(false, 0, at.base().number);
        code.write(0x0F, opcode);
        ModRm.address(code, hint, at, 1);
    }

    // ---------------------------------------------------------------- addresses and loops

    /** A 64-bit value from memory. */
    public final void load(Register to, Address from) {
        rex(true, to.number, from.base().number);
        code.write(0x8B);
        ModRm.address(code, to.number, from, 1);
    }

    /** A 64-bit value into memory. */
    public final void store(Register from, Address to) {
        rex(true, from.number, to.base().number);
        code.write(0x89);
        ModRm.address(code, from.number, to, 1);
    }

    public final void add(Register to, Register value) {
        rex(true, value.number, to.number);
        code.write(0x01);
        ModRm.direct(code, value.number, to.number);
    }

    public final void copy(Register to, Register from) {
        rex(true, to.number, from.number);
        code.write(0x8B);
        ModRm.direct(code, to.number, from.number);
    }

    /** {@code to = base + displacement}. */
    public final void addressOf(Register to, Address from) {
        rex(true, to.number, from.base().number);
        code.write(0x8D);
        ModRm.address(code, to.number, from, 1);
    }

    /** A value of 32 bits with its sign. */
    public final void set(Register to, long value) {
        rex(true, 0, to.number);
        code.write(0xC7);
        ModRm.direct(code, 0, to.number);
        code.int32(Math.toIntExact(value));
    }

    /** Adds a value of 32 bits with its sign. */
    public final void add(Register to, long value) {
        if (value == 0) {
            return;
        }
        rex(true, 0, to.number);
        code.write(0x81);
        ModRm.direct(code, 0, to.number);
        code.int32(Math.toIntExact(value));
    }

    private void decrement(Register r) {
        rex(true, 0, r.number);
        code.write(0xFF);
        ModRm.direct(code, 1, r.number);
    }

    /** Runs {@code body} so many times, counting in {@code counter}, which it must leave alone. */
    public final void repeat(int times, Register counter, Runnable body) {
        if (times <= 0) {
            return;
        }
        if (times == 1) {
            body.run();
            return;
        }
        set(counter, times);
        int top = code.size();
        body.run();
        decrement(counter);
        code.write(0x0F, 0x85); // jnz
        code.int32(top - (code.size() + Integer.BYTES));
    }

    /** A function's frame (System V): every register may be used between. */
    public final void enter() {
        for (Register r : SAVED) {
            rex(false, 0, r.number);
            code.write(0x50 | r.number & 7); // push
        }
    }

    /** The end of what {@link #enter} began. */
    public final void leave() {
        for (int i = SAVED.length - 1; i >= 0; i--) {
            rex(false, 0, SAVED[i].number);
            code.write(0x58 | SAVED[i].number & 7); // pop
        }
        code.write(0xC5, 0xF8, 0x77); // vzeroupper
        code.write(0xC3); // ret
    }

    private void rex(boolean wide, int reg, int base) {
        int rex = 0x40 | (wide ? 8 : 0) | reg >> 3 << 2 | base >> 3;
        if (rex != 0x40) {
            code.write(rex);
        }
    }
}
