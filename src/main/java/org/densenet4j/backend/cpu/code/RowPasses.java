package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.LongConsumer;

/** Pieces of code that the kernels share. */
final class RowPasses {
    /** Zero in the kernels that are made of these pieces; others use the register for more. */
    static final Zmm ZERO = zmm(31);

    private RowPasses() {}

    /** Vectors that hold so many floats. */
    static int vectors(int floats) {
        return Math.ceilDiv(floats, Zmm.FLOATS);
    }

    /** K1 for a vector that ends behind the last column, where that mask has been set so. */
    static Mask mask(int vector, int columns) {
        return (vector + 1) * Zmm.FLOATS > columns ? Mask.K1 : Mask.K0;
    }

    /** Offsets that reach every cache line of so many bytes, which may begin anywhere in one. */
    static void forEachLine(long bytes, LongConsumer offset) {
        for (long at = 0; at < bytes - 1; at += Zmm.BYTES) {
            offset.accept(at);
        }
        offset.accept(bytes - 1);
    }

    /** Cache lines that so many bytes fill. */
    static int lines(long bytes) {
        return Math.toIntExact(Math.ceilDiv(bytes, (long) Zmm.BYTES));
    }

    /**
     * Bytes from row to row of a tile in the cache: an odd number of cache lines, so that the same
     * column of many rows does not compete for a few sets.
     */
    static long tileRow(int words) {
        return (long) (vectors(words) | 1) * Zmm.BYTES;
    }

    /**
     * {@code max(0, x·scale + shift)} for up to eight rows: a vector of each in registers 0 and up,
     * time after time. RAX is the address of the first row, RCX and RDX are those of scale and
     * shift. Overwrites these, R12 and vectors 0 to 25; K1 masks the last, partial vector.
     *
     * @param step what RBX advances from vector to vector
     * @param store writes the registers to RBX
     */
    static void normaliseRelu(
            Assembler a,
            Storage storage,
            int rows,
            int columns,
            long xRow,
            long step,
            Runnable store) {
        Consumer<Mask> vector =
                mask -> {
                    a.load(zmm(24), RCX.at(0), mask);
                    a.load(zmm(25), RDX.at(0), mask);
                    for (int r = 0; r < rows; r++) {
                        storage.load(a, zmm(r), RAX.at(r * xRow), mask);
                    }
                    for (int r = 0; r < rows; r++) {
                        a.multiplyAdd(zmm(r), zmm(24), zmm(25));
                        a.maximum(zmm(r), ZERO, zmm(r));
                    }
                    store.run();
                };
        a.repeat(
                columns / Zmm.FLOATS,
                R12,
                () -> {
                    vector.accept(Mask.K0);
                    a.add(RAX, storage.vectorBytes());
                    a.add(RBX, step);
                    a.add(RCX, Zmm.BYTES);
                    a.add(RDX, Zmm.BYTES);
                });
        if (columns % Zmm.FLOATS > 0) {
            vector.accept(Mask.K1);
        }
    }

    /**
     * {@code rows x vectors} sums in vectors 0 and up, row by row: one step of a matrix product.
     * Overwrites vectors 24 to 28.
     *
     * @param left address of a word of each row
     * @param right address of the row of vectors
     */
    static void step(
            Assembler a,
            Storage storage,
            int rows,
            int vectors,
            Address left,
            long leftRow,
            Address right) {
        for (int v = 0; v < vectors; v++) {
            a.load(zmm(24 + v), right.plus(v * Zmm.BYTES));
        }
        for (int r = 0; r < rows; r++) {
            if (vectors == 1) {
                storage.addProductOfBroadcast(a, zmm(r), zmm(24), left.plus(r * leftRow));
            } else {
                a.broadcast(zmm(28), left.plus(r * leftRow));
                for (int v = 0; v < vectors; v++) {
                    storage.addProduct(a, zmm(r * vectors + v), zmm(24 + v), zmm(28));
                }
            }
        }
    }

    /**
     * Words from sixteen places beside an address; those that the mask leaves out are zero and not
     * read. Overwrites K3.
     */
    static void gather(Assembler a, Zmm to, Address from, Zmm places, Mask mask) {
        a.zero(to);
        a.copy(Mask.K3, mask);
        a.gather(to, from, places, Mask.K3);
    }

    /** Adds to an address among the arguments. Overwrites RAX. */
    static void advance(Assembler a, int argument, long bytes) {
        a.load(RAX, RDI.at(argument));
        a.add(RAX, bytes);
        a.store(RAX, RDI.at(argument));
    }

    /** Size of the blocks, of at most so many, that cut {@code count} most evenly. */
    static int evenBlock(int count, int most) {
        return Math.ceilDiv(count, Math.ceilDiv(count, most));
    }

    /** Runs {@code body} for blocks of so many of {@code count}, then for the rest. */
    static void inBlocks(Assembler a, int count, int block, Register counter, IntConsumer body) {
        a.repeat(count / block, counter, () -> body.accept(block));
        if (count % block > 0) {
            body.accept(count % block);
        }
    }
}
