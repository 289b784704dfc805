package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.TileInstructions;
import org.densenet4j.backend.cpu.asm.TileRegister;

/**
 * Where the sums of a block of tiles go: to a matrix C whose rows begin at R14, or are added to it.
 * Sums of float32 that fill tiles are loaded and stored by them; others pass through {@link
 * TileBlock#BYTES} of memory at R9, from where vectors round them or take the columns there are.
 * R15 holds {@link TileRegister#ROW_BYTES}, and RAX is overwritten.
 *
 * @param kernel whose code it writes
 * @param storage of C
 * @param row bytes from row to row of C
 * @param accumulate whether sums are added
 * @param fromC whether sums that are added begin with what is in C, which is fastest; else they
 *     begin with zeros, so that fewer roundings are of C's size
 * @param tail of C's columns
 */
record TileResult(
        Kernel kernel, Storage storage, long row, boolean accumulate, boolean fromC, Tail tail) {
    private static final long LINE = 64;

    /** Takes the sums from C, or zeros. */
    void begin(TileInstructions tiles, int rows, int columns) {
        for (int r = 0; r < rows; r++) {
            for (long at = 0; at < (long) columns * storage.bytes(); at += LINE) {
                kernel.a.prefetchForWriting(R14.at(r * row + at));
            }
        }
        TileBlock block = TileBlock.of(rows, columns);
        if (isDirect(rows, columns) && accumulate) {
            kernel.a.set(RAX, row);
            block.loadRows(tiles, R14.at(0), RAX, row);
        } else {
            block.zero(tiles);
        }
    }

    /** Writes the sums, and goes on to the next rows. */
    void end(TileInstructions tiles, int rows, int columns) {
        TileBlock block = TileBlock.of(rows, columns);
        if (isDirect(rows, columns)) {
            kernel.a.set(RAX, row);
            block.storeRows(tiles, R14.at(0), RAX, row);
        } else {
            block.store(tiles, R9.at(0), R15);
            for (int r = 0; r < rows; r++) {
                write(r, columns);
            }
        }
        kernel.a.add(R14, rows * row);
    }

    private boolean isDirect(int rows, int columns) {
        return storage == Storage.FLOAT32
                && (fromC || !accumulate)
                && rows % TileRegister.ROWS == 0
                && columns % TileRegister.ROWS == 0;
    }

    /** A row of the sums that were stored, to C. */
    private void write(int r, int columns) {
        Avx512Assembler a = (Avx512Assembler) kernel.a;
        if (storage == Storage.BFLOAT16 && columns == TileBlock.ELEMENTS && !accumulate) {
            a.load(v(0), R9.at(TileBlock.offset(r, 0)));
            a.load(v(1), R9.at(TileBlock.offset(r, 1)));
            a.round(v(0), v(1), v(0));
            a.store(v(0), R14.at(r * row));
            return;
        }
        for (int i = 0; i < kernel.set.vectors(columns); i++) {
            Address to = R14.at(r * row + i * storage.vectorBytes(kernel.set));
            Tail some = kernel.tail(i, columns, tail);
            a.load(v(0), R9.at(TileBlock.offset(r, i)));
            if (accumulate) {
                storage.load(a, v(1), to, some);
                a.add(v(0), v(0), v(1));
            }
            storage.store(a, v(0), to, some);
        }
    }
}
