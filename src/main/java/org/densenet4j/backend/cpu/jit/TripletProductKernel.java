package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RBP;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;

import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.TileInstructions;
import org.densenet4j.backend.cpu.asm.TileRegister;

/**
 * A product of matrices of float32 by products of tiles of bfloat16 (AMX), {@code C = A·B} or
 * {@code C += A·B}, with both sides as {@link Triplets}:
 *
 * <pre>
 * A [rows, inner], B [inner, columns] as {@link TripletPanels}   C [rows, columns] strided
 * </pre>
 *
 * All rows of A go by 32 columns of B, and then by the next 32. Of each 32 elements that are summed
 * over, six products of tiles are taken for a tile of C.
 */
public final class TripletProductKernel extends Kernel {
    private static final int BLOCK = TileBlock.ELEMENTS;

    private final Form form;
    private final TileInstructions tiles;
    private final TripletPanels panels;

    /** Addresses of the matrices, and of {@link #scratchBytes} bytes. */
    public enum Argument {
        A,
        B,
        C,
        SCRATCH
    }

    /**
     * What is compiled.
     *
     * @param inner columns of A, rows of B
     * @param cRow bytes from row to row of C
     * @param accumulate whether the product is added to C
     */
    public record Form(int rows, int inner, int columns, long cRow, boolean accumulate) {}

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public TripletProductKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.tiles = new TileInstructions((Avx512Assembler) a);
        this.panels = new TripletPanels(form.inner, form.rows);
        compile(this::whole);
    }

    /** Bytes of the scratch. */
    public static long scratchBytes() {
        return TileBlock.BYTES;
    }

    /** Runs. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        tiles.configure();
        TileResult result =
                new TileResult(
                        this,
                        Storage.FLOAT32,
                        form.cRow,
                        form.accumulate,
                        false,
                        a.tail(form.columns));
        a.load(R9, argument(Argument.SCRATCH));
        a.load(RDX, argument(Argument.B));
        a.set(R15, TileRegister.ROW_BYTES);
        Loops.inBlocks(
                a,
                form.columns,
                BLOCK,
                RBP,
                columns -> {
                    a.load(R11, argument(Argument.A));
                    a.load(R14, argument(Argument.C));
                    Loops.inBlocks(a, form.rows, BLOCK, R13, rows -> block(rows, columns, result));
                    a.add(RDX, TileBlock.SIDE * panels.panelBytes());
                    Loops.advance(a, Argument.C, BLOCK * (long) Float.BYTES);
                });
        tiles.release();
    }

    /** A block of C, and on to the next rows. */
    private void block(int rows, int columns, TileResult result) {
        TileBlock block = TileBlock.of(rows, columns);
        result.begin(tiles, rows, columns);
        a.copy(RBX, R11);
        a.copy(RCX, RDX);
        a.repeat(
                panels.steps(),
                R12,
                () -> {
                    block.addTripletProducts(tiles, RBX.at(0), RCX.at(0), panels.panelBytes(), R15);
                    a.add(RBX, TripletPanels.STEP_BYTES);
                    a.add(RCX, TripletPanels.STEP_BYTES);
                });
        result.end(tiles, rows, columns);
        a.add(R11, TileBlock.SIDE * panels.panelBytes());
    }
}
