package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes x86-64 machine code: the few AVX-512 instructions that the fused kernels consist of, and
 * what their loops need. Encodings are those of Intel's Software Developer's Manual, volume 2,
 * chapters 2.1 (legacy) and 2.7 (EVEX).
 *
 * <p>Operands come in Intel's order, the destination first. Every vector is 512 bits of float32,
 * where a name does not say otherwise.
 */
final class Assembler {
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int MAP_0F3A = 3;

    private static final int NO_PREFIX = 0;
    private static final int PREFIX_66 = 1;
    private static final int PREFIX_F3 = 2;
    private static final int PREFIX_F2 = 3;

    private static final int BITS_256 = 1;
    private static final int BITS_512 = 2;

    private static final int HALF_BYTES = Zmm.BYTES / 2;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    /** Distances of forward jumps, by where they are written. */
    private final Map<Integer, Integer> patches = new HashMap<>();

    /** Constants behind the code, by where the distances to them are written. */
    private final Map<Integer, int[]> constants = new LinkedHashMap<>();

    /** What has been written, with its constants behind it. */
    byte[] bytes() {
        int end = Math.ceilDiv(code.size(), Zmm.BYTES) * Zmm.BYTES;
        byte[] bytes = code.toByteArray();
        if (!constants.isEmpty()) {
            bytes = Arrays.copyOf(bytes, end + constants.size() * Zmm.BYTES);
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        patches.forEach(buffer::putInt);
        int at = end;
        for (Map.Entry<Integer, int[]> constant : constants.entrySet()) {
            buffer.putInt(constant.getKey(), at - (constant.getKey() + 4));
            buffer.slice(at, Zmm.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer()
                    .put(constant.getValue());
            at += Zmm.BYTES;
        }
        return bytes;
    }

    // ---------------------------------------------------------------- vectors

    void load(Zmm to, Address from) {
        load(to, from, Mask.K0);
    }

    /** Elements that the mask leaves out are zero, and their memory is not touched. */
    void load(Zmm to, Address from, Mask mask) {
        vector(MAP_0F, NO_PREFIX, 0x10).mask(mask, true).memory(to, null, from, Zmm.BYTES);
    }

    /**
     * Words of 32 bits, each from its own distance in bytes to an address.
     *
     * @param to keeps the elements that the mask leaves out; another register than the distances
     * @param mask cleared
     */
    void gather(Zmm to, Address from, Zmm distances, Mask mask) {
        vector(MAP_0F38, PREFIX_66, 0x92).mask(mask, false).scattered(to, from, distances);
    }

    void store(Zmm from, Address to) {
        store(from, to, Mask.K0);
    }

    void store(Zmm from, Address to, Mask mask) {
        vector(MAP_0F, NO_PREFIX, 0x11).mask(mask, false).memory(from, null, to, Zmm.BYTES);
    }

    void zero(Zmm to) {
        vector(MAP_0F, PREFIX_66, 0xEF).registers(to, to, to);
    }

    /** Zero where the mask is not set. */
    void keep(Zmm v, Mask mask) {
        vector(MAP_0F, NO_PREFIX, 0x28).mask(mask, true).registers(v, null, v);
    }

    /** Sixteen words of 32 bits that are kept behind the code. */
    void constant(Zmm to, int... words) {
        vector(MAP_0F, NO_PREFIX, 0x10).behindCode(to);
        constants.put(code.size() - 4, words);
    }

    /** Sixteen times the same word of 32 bits. */
    void constantEverywhere(Zmm to, int word) {
        int[] words = new int[Zmm.FLOATS];
        Arrays.fill(words, word);
        constant(to, words);
    }

    /** Sixteen times the same float. */
    void everywhere(Zmm to, float value) {
        constantEverywhere(to, Float.floatToRawIntBits(value));
    }

    /** {@code 0, distance, 2·distance, …}: the places of sixteen rows or columns. */
    void multiples(Zmm to, long distance) {
        int[] words = new int[Zmm.FLOATS];
        Arrays.setAll(words, i -> Math.toIntExact(i * distance));
        constant(to, words);
    }

    /** All elements from one float in memory. */
    void broadcast(Zmm to, Address from) {
        vector(MAP_0F38, PREFIX_66, 0x18).memory(to, null, from, Float.BYTES);
    }

    /** {@code to = to·b + c}. */
    void multiplyAdd(Zmm to, Zmm b, Zmm c) {
        vector(MAP_0F38, PREFIX_66, 0xA8).registers(to, b, c);
    }

    /** {@code sum += a·b}. */
    void addProduct(Zmm sum, Zmm a, Zmm b) {
        vector(MAP_0F38, PREFIX_66, 0xB8).registers(sum, a, b);
    }

    /** {@code sum += a·b} with one float of memory for all elements of b. */
    void addProductOfBroadcast(Zmm sum, Zmm a, Address b) {
        vector(MAP_0F38, PREFIX_66, 0xB8).broadcasting().memory(sum, a, b, Float.BYTES);
    }

    /** {@code sum += a·b} with b in memory. */
    void addProduct(Zmm sum, Zmm a, Address b) {
        vector(MAP_0F38, PREFIX_66, 0xB8).memory(sum, a, b, Zmm.BYTES);
    }

    /** {@code sum −= a·b}. */
    void subtractProduct(Zmm sum, Zmm a, Zmm b) {
        vector(MAP_0F38, PREFIX_66, 0xBC).registers(sum, a, b);
    }

    void copy(Zmm to, Zmm from) {
        vector(MAP_0F, NO_PREFIX, 0x28).registers(to, null, from);
    }

    void add(Zmm to, Zmm a, Zmm b) {
        vector(MAP_0F, NO_PREFIX, 0x58).registers(to, a, b);
    }

    void add(Zmm to, Zmm a, Address b) {
        vector(MAP_0F, NO_PREFIX, 0x58).memory(to, a, b, Zmm.BYTES);
    }

    void subtract(Zmm to, Zmm a, Zmm b) {
        vector(MAP_0F, NO_PREFIX, 0x5C).registers(to, a, b);
    }

    void multiply(Zmm to, Zmm a, Zmm b) {
        vector(MAP_0F, NO_PREFIX, 0x59).registers(to, a, b);
    }

    /** The larger of each; b where either is NaN. */
    void maximum(Zmm to, Zmm a, Zmm b) {
        vector(MAP_0F, NO_PREFIX, 0x5F).registers(to, a, b);
    }

    /** Sets the elements of {@code to} where a is less than b and {@code among} is set. */
    void less(Mask to, Zmm a, Zmm b, Mask among) {
        vector(MAP_0F, NO_PREFIX, 0xC2).mask(among, false).registers(new Zmm(to.number()), a, b);
        code.write(1);
    }

    /** Sets the elements of {@code to} where a is less than b and {@code among} is set. */
    void less(Mask to, Zmm a, Address b, Mask among) {
        vector(MAP_0F, NO_PREFIX, 0xC2)
                .mask(among, false)
                .memory(new Zmm(to.number()), a, b, Zmm.BYTES);
        code.write(1);
    }

    // ---------------------------------------------------------------- vectors of bfloat16

    /** Sixteen words of 16 bits, each into the lower half of an element. */
    void loadHalves(Zmm to, Address from, Mask mask) {
        vector(MAP_0F38, PREFIX_66, 0x33).mask(mask, true).memory(to, null, from, HALF_BYTES);
    }

    /** The sixteen words of 16 bits in the lower half of a vector. */
    void storeLowerHalf(Zmm from, Address to, Mask mask) {
        vector(MAP_0F, PREFIX_F2, 0x7F)
                .wide()
                .bits256()
                .mask(mask, false)
                .memory(from, null, to, HALF_BYTES);
    }

    /** The upper half of a vector. */
    void storeUpperHalf(Zmm from, Address to) {
        vector(MAP_0F3A, PREFIX_66, 0x1B).wide().memory(from, null, to, HALF_BYTES);
        code.write(1);
    }

    /** Every element of 32 bits, shifted. */
    void shiftLeft(Zmm v, int bits) {
        vector(MAP_0F, PREFIX_66, 0x72).registers(zmm(6), v, v);
        code.write(bits);
    }

    /** Every element of 32 bits, shifted, with zeros from the left. */
    void shiftRight(Zmm v, int bits) {
        vector(MAP_0F, PREFIX_66, 0x72).registers(zmm(2), v, v);
        code.write(bits);
    }

    /** The bits of both. */
    void or(Zmm to, Zmm a, Zmm b) {
        vector(MAP_0F, PREFIX_66, 0xEB).registers(to, a, b);
    }

    /** Sixteen bfloat16, to nearest even, in the lower half of {@code to}. */
    void round(Zmm to, Zmm from) {
        vector(MAP_0F38, PREFIX_F3, 0x72).registers(to, null, from);
    }

    /** Both rounded to bfloat16, to nearest even: one in each half of {@code to}. */
    void round(Zmm to, Zmm upper, Zmm lower) {
        vector(MAP_0F38, PREFIX_F2, 0x72).registers(to, upper, lower);
    }

    /** Words of 16 bits in the order of {@code indices}. */
    void permuteHalves(Zmm to, Zmm indices, Zmm from) {
        vector(MAP_0F38, PREFIX_66, 0x8D).wide().registers(to, indices, from);
    }

    /** {@code sum += a₀·b₀ + a₁·b₁}, an element of a and b being a pair of bfloat16. */
    void addProductOfPairs(Zmm sum, Zmm a, Zmm b) {
        vector(MAP_0F38, PREFIX_F3, 0x52).registers(sum, a, b);
    }

    /** The same with one pair of memory for all elements of b. */
    void addProductOfBroadcastPairs(Zmm sum, Zmm a, Address b) {
        vector(MAP_0F38, PREFIX_F3, 0x52).broadcasting().memory(sum, a, b, Float.BYTES);
    }

    /** Sets the elements of {@code to} where a and b share a bit and {@code among} is set. */
    void shareBits(Mask to, Zmm a, Zmm b, Mask among) {
        vector(MAP_0F38, PREFIX_66, 0x27).mask(among, false).registers(new Zmm(to.number()), a, b);
    }

    // ---------------------------------------------------------------- memory and masks

    /** Sets the elements of {@code to} where a and b are equal and {@code among} is set. */
    void equal(Mask to, Zmm a, Zmm b, Mask among) {
        vector(MAP_0F, NO_PREFIX, 0xC2).mask(among, false).registers(new Zmm(to.number()), a, b);
        code.write(0);
    }

    /** Brings a cache line into the first-level cache. */
    void prefetch(Address at) {
        prefetch(1, at);
    }

    /** Brings a cache line into the second-level cache. */
    void prefetchSecondLevel(Address at) {
        prefetch(2, at);
    }

    /** Brings a cache line into the first-level cache to be written. */
    void prefetchForWriting(Address at) {
        rex(false, 0, at.base().number);
        write(0x0F, 0x0D);
        address(1, at, 1);
    }

    private void prefetch(int level, Address at) {
        rex(false, 0, at.base().number);
        write(0x0F, 0x18);
        address(level, at, 1);
    }

    /** The first {@code elements} elements. Overwrites RAX. */
    void first(Mask to, int elements) {
        set(Register.RAX, (1L << elements) - 1);
        // VEX.L0.0F.W0 92: kmovw to, eax
        write(0xC5, 0xF8, 0x92, 0xC0 | to.number() << 3);
    }

    /** The same elements, all for K0. */
    void copy(Mask to, Mask from) {
        if (from == Mask.K0) {
            // VEX.L1.0F.W0 46: kxnorw to, to, to
            write(
                    0xC5,
                    0x84 | (~to.number() & 15) << 3,
                    0x46,
                    0xC0 | to.number() << 3 | to.number());
        } else {
            // VEX.L0.0F.W0 90: kmovw to, from
            write(0xC5, 0xF8, 0x90, 0xC0 | to.number() << 3 | from.number());
        }
    }

    // ---------------------------------------------------------------- addresses and loops

    /** A 64-bit value from memory. */
    void load(Register to, Address from) {
        rex(true, to.number, from.base().number);
        code.write(0x8B);
        address(to.number, from, 1);
    }

    /** A 64-bit value into memory. */
    void store(Register from, Address to) {
        rex(true, from.number, to.base().number);
        code.write(0x89);
        address(from.number, to, 1);
    }

    void add(Register to, Register value) {
        rex(true, value.number, to.number);
        code.write(0x01);
        direct(value.number, to.number);
    }

    void copy(Register to, Register from) {
        rex(true, to.number, from.number);
        code.write(0x8B);
        direct(to.number, from.number);
    }

    /** {@code to = base + displacement}. */
    void addressOf(Register to, Address from) {
        rex(true, to.number, from.base().number);
        code.write(0x8D);
        address(to.number, from, 1);
    }

    void set(Register to, long value) {
        rex(true, 0, to.number);
        code.write(0xC7);
        direct(0, to.number);
        int32(Math.toIntExact(value));
    }

    void add(Register to, long value) {
        if (value == 0) {
            return;
        }
        rex(true, 0, to.number);
        code.write(0x81);
        direct(0, to.number);
        int32(Math.toIntExact(value));
    }

    private void decrement(Register r) {
        rex(true, 0, r.number);
        code.write(0xFF);
        direct(1, r.number);
    }

    private void push(Register r) {
        rex(false, 0, r.number);
        code.write(0x50 | r.number & 7);
    }

    private void pop(Register r) {
        rex(false, 0, r.number);
        code.write(0x58 | r.number & 7);
    }

    /** Runs {@code body} so many times, counting in {@code counter}, which it must leave alone. */
    void repeat(int times, Register counter, Runnable body) {
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
        write(0x0F, 0x85); // jnz
        int32(top - (code.size() + 4));
    }

    /** Runs {@code zero} if a register is zero, else {@code other}. */
    void ifZero(Register r, Runnable zero, Runnable other) {
        rex(true, r.number, r.number);
        code.write(0x85); // test
        direct(r.number, r.number);
        int jump = forward(0x0F, 0x85); // jnz
        zero.run();
        int end = forward(0xE9); // jmp
        patch(jump);
        other.run();
        patch(end);
    }

    /** A jump whose distance is not known yet; returns where it is to be written. */
    private int forward(int... opcode) {
        write(opcode);
        int32(0);
        return code.size() - 4;
    }

    private void patch(int at) {
        patches.put(at, code.size() - (at + 4));
    }

    private static final Register[] SAVED = {
        Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15
    };

    /** A function's frame (System V): every register may be used between. */
    void enter() {
        for (Register r : SAVED) {
            push(r);
        }
    }

    void leave() {
        for (int i = SAVED.length - 1; i >= 0; i--) {
            pop(SAVED[i]);
        }
        write(0xC5, 0xF8, 0x77); // vzeroupper
        code.write(0xC3);
    }

    // ---------------------------------------------------------------- encoding

    private void write(int... bytes) {
        for (int b : bytes) {
            code.write(b);
        }
    }

    private void int32(int value) {
        write(value, value >> 8, value >> 16, value >> 24);
    }

    private void rex(boolean wide, int reg, int base) {
        int rex = 0x40 | (wide ? 8 : 0) | reg >> 3 << 2 | base >> 3;
        if (rex != 0x40) {
            code.write(rex);
        }
    }

    private void direct(int reg, int rm) {
        code.write(0xC0 | (reg & 7) << 3 | rm & 7);
    }

    /**
     * ModRM, SIB and displacement.
     *
     * @param scale what a displacement of one byte counts in (disp8*N)
     */
    private void address(int reg, Address at, int scale) {
        int displacement = at.displacement();
        boolean small =
                displacement % scale == 0
                        && displacement / scale >= -128
                        && displacement / scale <= 127;
        int base = at.base().number & 7;
        code.write((small ? 0x40 : 0x80) | (reg & 7) << 3 | base);
        if (base == 4) {
            code.write(0x24);
        }
        if (small) {
            code.write(displacement / scale);
        } else {
            int32(displacement);
        }
    }

    /** ModRM, SIB with a vector as its index, and a displacement of four bytes. */
    private void scatteredAddress(int reg, Address at, int index) {
        write(0x80 | (reg & 7) << 3 | 4, index << 3 | at.base().number & 7);
        int32(at.displacement());
    }

    private Evex vector(int map, int prefix, int opcode) {
        return new Evex(map, prefix, opcode);
    }

    /** An instruction with the EVEX prefix. */
    private final class Evex {
        private final int map;
        private final int prefix;
        private final int opcode;
        private int length = BITS_512;
        private boolean wide;
        private int mask;
        private boolean zeroing;
        private boolean broadcast;

        Evex(int map, int prefix, int opcode) {
            this.map = map;
            this.prefix = prefix;
            this.opcode = opcode;
        }

        Evex mask(Mask m, boolean zeroes) {
            mask = m.number();
            zeroing = zeroes && m != Mask.K0;
            return this;
        }

        Evex wide() {
            wide = true;
            return this;
        }

        Evex bits256() {
            length = BITS_256;
            return this;
        }

        Evex broadcasting() {
            broadcast = true;
            return this;
        }

        void registers(Zmm reg, Zmm second, Zmm rm) {
            prefix(reg, second, rm.number() >> 3 & 1, rm.number() >> 4);
            code.write(opcode);
            direct(reg.number(), rm.number());
        }

        void memory(Zmm reg, Zmm second, Address at, int scale) {
            prefix(reg, second, at.base().number >> 3, 0);
            code.write(opcode);
            address(reg.number(), at, scale);
        }

        /** A vector of distances beside the base (VSIB). */
        void scattered(Zmm reg, Address at, Zmm distances) {
            int index = distances.number();
            prefix(reg, zmm(index & 16), at.base().number >> 3, index >> 3);
            code.write(opcode);
            scatteredAddress(reg.number(), at, index & 7);
        }

        /** Memory behind the code, its distance to be written. */
        void behindCode(Zmm reg) {
            prefix(reg, null, 0, 0);
            code.write(opcode);
            code.write((reg.number() & 7) << 3 | 5);
            int32(0);
        }

        /** High bits of register numbers are stored inverted. */
        private void prefix(Zmm reg, Zmm second, int b, int x) {
            int r = reg.number();
            int v = second == null ? 0 : second.number();
            code.write(0x62);
            code.write((~r & 8) << 4 | (~x & 1) << 6 | (~b & 1) << 5 | (~r & 16) | map);
            code.write((wide ? 0x80 : 0) | (~v & 15) << 3 | 4 | prefix);
            code.write(
                    (zeroing ? 0x80 : 0)
                            | length << 5
                            | (broadcast ? 0x10 : 0)
                            | (~v & 16) >> 1
                            | mask);
        }
    }
}
