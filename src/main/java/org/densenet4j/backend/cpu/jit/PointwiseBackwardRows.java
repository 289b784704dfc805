package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel.Argument;

/**
 * The operands of a {@link PointwiseBackwardKernel}, whatever multiplies them: dZ of a few rows,
 * where a block's columns begin, and on to the next rows.
 *
 * @param group rows that are finished at a time, at most
 * @param xRow bytes from row to row of X
 * @param zRow of Z
 * @param gradientRow of dT
 * @param blockRow of G
 */
record PointwiseBackwardRows(
        Assembler a,
        Storage storage,
        int group,
        long xRow,
        long zRow,
        long gradientRow,
        long blockRow) {

    /** In the registers behind those of two groups of rows. */
    private BatchNormGradient gradient() {
        return BatchNormGradient.from(2 * group);
    }

    /** Loads what {@link #finishGradient} needs of a vector of channels, from R8 to R11. */
    void loadConstants(long column, Tail some) {
        BatchNormGradient constants = gradient();
        a.load(constants.factor(), R8.at(column), some);
        a.load(constants.constant(), R9.at(column), some);
        a.load(constants.slope(), R10.at(column), some);
        a.load(constants.mean(), R11.at(column), some);
    }

    /**
     * A vector of dZ of some rows, into registers 0 and up: of dT from RAX and of Z from RBX.
     *
     * @param first the first row, counted from those addresses
     * @param rows up to {@code group}
     * @param column bytes from those addresses
     */
    void finishGradient(int first, int rows, long column, Tail some) {
        for (int r = 0; r < rows; r++) {
            storage.load(a, v(r), RBX.at((first + r) * zRow + column), some);
            storage.load(a, v(group + r), RAX.at((first + r) * gradientRow + column), some);
        }
        BatchNormGradient gradient = gradient();
        for (int r = 0; r < rows; r++) {
            gradient.emit(a, v(r), v(group + r));
        }
    }

    /** The address of a column of stored elements, the first of a block, from R11. */
    void loadStoredColumn(Register to, Argument argument) {
        a.load(to, Kernel.argument(argument));
        a.add(to, R11);
    }

    /** The address of a column of words or floats. */
    void loadColumn(Register to, Argument argument) {
        loadStoredColumn(to, argument);
        for (int i = storage.bytes(); i < Float.BYTES; i += storage.bytes()) {
            a.add(to, R11);
        }
    }

    /** Moves the operands on. Overwrites RAX. */
    void advance(int rows) {
        Loops.advance(a, Argument.GRADIENT, rows * gradientRow);
        Loops.advance(a, Argument.Z, rows * zRow);
        Loops.advance(a, Argument.X, rows * xRow);
        Loops.advance(a, Argument.BLOCK_GRADIENT, rows * blockRow);
    }
}
