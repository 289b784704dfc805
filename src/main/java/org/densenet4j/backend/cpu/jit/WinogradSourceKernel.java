package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The transforms of a strip of an image in Winograd's F(4x4, 3x3): four lines of tiles' outputs,
 * and the six lines of the source that they read.
 *
 * <pre>
 * V[e]  = (Bᵀ·d·B)[e]     of the 6x6 pixels of each tile, or of relu(bn(·)) of them
 * D[e]  = (A·dy·Aᵀ)[e]    of the inner 4x4 pixels of a gradient instead
 *         [tiles, C] for each of 36 e
 * </pre>
 *
 * in float32, or rounded to bfloat16 with two tiles next to each other in a word, as products that
 * sum over tiles take them.
 *
 * <p>A vector of channels at a time: first every column of the strip is transformed, into six lines
 * that stay in the first-level cache, framed by zeros; then the lines of every tile are.
 * Neighbouring tiles share two columns, which are transformed once. The lines of the next strip are
 * fetched meanwhile. Reads the source one and a half times, for the lines that strips share, and
 * writes the 36 matrices.
 */
public final class WinogradSourceKernel extends Kernel {
    /** Outputs of a tile in each direction. */
    private static final int SIZE = 4;

    /** Lines that a strip of tiles reads, one above and one below its own. */
    public static final int LINES = 6;

    private static final int LINE = 64;
    private static final Vector PAIRS = v(9);

    /** The first of six vectors of a tile, while they wait for the next tile. */
    private static final int EVEN = 10;

    private final Form form;
    private final WinogradTransform transform;
    private final Vector scale;
    private final Vector shift;
    private final Vector zero;
    private Tail tail;
    private final long stripLine;

    /**
     * What is compiled.
     *
     * @param storage of the source
     * @param width pixels of a line
     * @param channels of the source
     * @param pixel bytes from pixel to pixel of the source; its lines are one behind the other
     * @param normalised whether the source goes through a batch normalisation and a ReLU
     * @param gradient whether D is made, of a gradient, instead of V
     * @param above lines of the strip above the image
     * @param lines of the strip that are in the image; more below it are zero
     * @param transformed what V or D is stored as
     * @param matrix bytes from one of the 36 matrices to the next
     */
    public record Form(
            Storage storage,
            int width,
            int channels,
            long pixel,
            boolean normalised,
            boolean gradient,
            int above,
            int lines,
            Words transformed,
            long matrix) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public WinogradSourceKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.stripLine = stripLine(set, form.width, form.transformed);
        int first = keepsNormalisation() ? SumBlock.most(set) : LINES;
        int constants = keepsNormalisation() ? LINES : first;
        this.transform = new WinogradTransform(a, first);
        this.scale = v(constants);
        this.shift = v(constants + 1);
        this.zero = v(constants + 2);
        compile(this::whole);
    }

    /**
     * Whether there are registers for the normalisation beside those of the transform; else it is
     * loaded for each column, into registers that the transform overwrites.
     */
    private boolean keepsNormalisation() {
        return set.registers() == 32;
    }

    /**
     * Rows that a strip fills in V and D: tiles, or pairs of them, the last of which may have one
     * outside the image, whose D is zero.
     */
    public static int rows(int width, Words transformed) {
        return transformed.words(Math.ceilDiv(width, SIZE));
    }

    /** Columns of all tiles of a strip. */
    private static int columns(int width, Words transformed) {
        return SIZE * transformed.elements() * rows(width, transformed);
    }

    /** An odd number of cache lines, so that six pixels above each other are in different sets. */
    private static long stripLine(InstructionSet set, int width, Words transformed) {
        return Loops.tileRow((columns(width, transformed) + 2) * set.floats());
    }

    /** Bytes of the transformed columns. */
    public static long stripBytes(InstructionSet set, int width, Words transformed) {
        return LINES * stripLine(set, width, transformed);
    }

    /**
     * Runs; all are addresses.
     *
     * @param source the first line of the strip that is in the image
     * @param scale of the batch normalisation, if there is one
     * @param shift of it
     * @param strip memory of {@link #stripBytes}
     * @param matrices where V or D of the first tile goes
     */
    public void run(long source, long scale, long shift, long strip, long matrices) {
        call(source, scale, shift, strip, matrices);
    }

    private void whole() {
        tail = a.tail(form.channels);
        transform.constants(!form.gradient);
        if (form.transformed == Words.BFLOAT16_PAIRS) {
            a.constant(PAIRS, PairTiles.interleaved());
        }
        a.addressOf(R13, RDI.at(form.lines * form.width * form.pixel));
        Loops.forEachVector(
                a,
                form.channels,
                tail,
                R14,
                this::channels,
                () -> {
                    a.add(RDI, form.storage.vectorBytes(set));
                    a.add(RSI, set.vectorBytes());
                    a.add(RDX, set.vectorBytes());
                    a.add(R8, set.vectorBytes());
                });
    }

    /** A vector of channels. */
    private void channels(Tail some) {
        if (keepsNormalisation()) {
            loadNormalisation(some);
        }
        a.copy(RAX, RDI);
        a.copy(RBX, RCX);
        if (!form.gradient) {
            zeros(1);
        }
        a.repeat(form.width, R12, () -> column(some));
        int outside = columns(form.width, form.transformed) - form.width;
        zeros(outside + (form.gradient ? 0 : 1));

        a.copy(RAX, RCX);
        a.copy(RBX, R8);
        a.repeat(
                rows(form.width, form.transformed),
                R12,
                () -> {
                    for (int i = 0; i < LINES; i++) {
                        line(i);
                    }
                    if (form.normalised) {
                        fetch();
                    }
                    a.add(RAX, tilesColumns() * (long) set.vectorBytes());
                    a.add(RBX, (long) set.vectors(form.channels) * set.vectorBytes());
                });
    }

    /** Columns of the tiles that are transformed at a time. */
    private int tilesColumns() {
        return SIZE * form.transformed.elements();
    }

    /** This vector's share of the lines that the next strip reads and this one does not. */
    private void fetch() {
        int vectors = set.vectors(form.channels);
        int count = Loops.lines(Math.ceilDiv(SIZE * tilesColumns() * form.pixel, (long) vectors));
        for (int i = 0; i < count; i++) {
            a.prefetchSecondLevel(R13.at((long) i * LINE));
        }
        a.add(R13, (long) count * LINE);
    }

    // ---------------------------------------------------------------- columns

    private void loadNormalisation(Tail some) {
        if (form.normalised) {
            a.load(scale, RSI.at(0), some);
            a.load(shift, RDX.at(0), some);
        }
        a.zero(zero);
    }

    /** Columns outside the image. */
    private void zeros(int columns) {
        a.zero(zero);
        for (int c = 0; c < columns; c++) {
            for (int i = 0; i < LINES; i++) {
                a.store(zero, transformed(i));
            }
            a.add(RBX, set.vectorBytes());
        }
    }

    private Address transformed(int line) {
        return RBX.at(line * stripLine);
    }

    /** The pixels above each other in registers 0 and up, and their transform. */
    private void column(Tail some) {
        if (!keepsNormalisation()) {
            loadNormalisation(some);
        }
        int height = form.gradient ? SIZE : LINES;
        for (int i = 0; i < height; i++) {
            int line = i - form.above;
            if (line < 0 || line >= form.lines) {
                a.zero(v(i));
                continue;
            }
            form.storage.load(a, v(i), RAX.at(line * form.width * form.pixel), some);
            if (form.normalised) {
                a.multiplyAdd(v(i), scale, shift);
                a.maximum(v(i), zero, v(i));
            }
        }
        transform((i, value) -> a.store(value, transformed(i)));
        a.add(RAX, form.pixel);
        a.add(RBX, set.vectorBytes());
    }

    // ---------------------------------------------------------------- lines

    /** The transforms of a line of one or two tiles' columns. */
    private void line(int line) {
        if (form.transformed == Words.FLOATS) {
            tileLine(line, 0, (j, value) -> a.store(value, element(line, j)));
            return;
        }
        tileLine(line, 0, (j, value) -> a.copy(v(EVEN + j), value));
        tileLine(
                line,
                1,
                (j, value) -> {
                    Vector pairs = v(EVEN + j);
                    Avx512Assembler wide = (Avx512Assembler) a;
                    wide.round(pairs, value, pairs);
                    wide.permuteHalves(pairs, PAIRS, pairs);
                    a.store(pairs, element(line, j));
                });
    }

    /** A line of a tile's columns in registers 0 and up, and its transform. */
    private void tileLine(int line, int tile, WinogradTransform.ResultOf put) {
        int width = form.gradient ? SIZE : LINES;
        for (int j = 0; j < width; j++) {
            long column = SIZE * tile + j;
            a.load(v(j), RAX.at(line * stripLine + column * set.vectorBytes()));
        }
        transform(put);
    }

    private Address element(int line, int column) {
        return RBX.at((LINES * line + column) * form.matrix);
    }

    /** Of registers 0 and up. */
    private void transform(WinogradTransform.ResultOf put) {
        if (form.gradient) {
            transform.gradient(Vector::v, put);
        } else {
            transform.source(Vector::v, put);
        }
    }
}
