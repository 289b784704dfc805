package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

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
 * <p>Sixteen channels at a time: first every column of the strip is transformed, into six lines
 * that stay in the first-level cache, framed by zeros; then the lines of every tile are.
 * Neighbouring tiles share two columns, which are transformed once. The lines of the next strip are
 * fetched meanwhile. Reads the source one and a half times, for the lines that strips share, and
 * writes the 36 matrices.
 */
public final class StripCode implements AutoCloseable {
    /** Outputs of a tile in each direction. */
    private static final int SIZE = 4;

    /** Lines that a strip of tiles reads, one above and one below its own. */
    public static final int LINES = 6;

    /** Floats of a vector, which channels are padded to. */
    public static final int LANES = Zmm.FLOATS;

    private static final Zmm SCALE = zmm(6);
    private static final Zmm SHIFT = zmm(7);
    private static final Zmm ZERO = zmm(8);
    private static final Zmm PAIRS = zmm(9);

    /** The first of six vectors of a tile, while they wait for the next tile. */
    private static final int EVEN = 10;

    private final Assembler a = new Assembler();
    private final TransformCode transform = new TransformCode(a);
    private final Form form;
    private final long stripLine;
    private final NativeCode code;

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
            Storage transformed,
            long matrix) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public StripCode(Form form) {
        this.form = form;
        this.stripLine = stripLine(form.width, form.transformed);
        this.code = new NativeCode(whole());
    }

    /**
     * Rows that a strip fills in V and D: tiles, or pairs of them, the last of which may have one
     * outside the image, whose D is zero.
     */
    public static int rows(int width, Storage transformed) {
        return transformed.words(Math.ceilDiv(width, SIZE));
    }

    /** Columns of all tiles of a strip. */
    private static int columns(int width, Storage transformed) {
        return SIZE * transformed.perWord() * rows(width, transformed);
    }

    /** An odd number of cache lines, so that six pixels above each other are in different sets. */
    private static long stripLine(int width, Storage transformed) {
        return (columns(width, transformed) + 2L | 1) * Zmm.BYTES;
    }

    /** Bytes of the transformed columns. */
    public static long stripBytes(int width, Storage transformed) {
        return LINES * stripLine(width, transformed);
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
        code.call(source, scale, shift, strip, matrices);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.first(Mask.K1, form.channels % Zmm.FLOATS);
        a.zero(ZERO);
        transform.constants(!form.gradient);
        if (form.transformed == Storage.BFLOAT16) {
            a.constant(PAIRS, PairTiles.interleaved());
        }
        a.addressOf(R13, RDI.at(Math.toIntExact(form.lines * form.width * form.pixel)));
        a.repeat(
                form.channels / Zmm.FLOATS,
                R14,
                () -> {
                    channels(Mask.K0);
                    a.add(RDI, form.storage.vectorBytes());
                    a.add(RSI, Zmm.BYTES);
                    a.add(RDX, Zmm.BYTES);
                    a.add(R8, Zmm.BYTES);
                });
        if (form.channels % Zmm.FLOATS > 0) {
            channels(Mask.K1);
        }
        a.leave();
        return a.bytes();
    }

    /** A vector of channels. */
    private void channels(Mask mask) {
        if (form.normalised) {
            a.load(SCALE, RSI.at(0), mask);
            a.load(SHIFT, RDX.at(0), mask);
        }
        a.copy(RAX, RDI);
        a.copy(RBX, RCX);
        if (!form.gradient) {
            zeros(1);
        }
        a.repeat(form.width, R12, () -> column(mask));
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
                    a.add(RAX, tilesColumns() * (long) Zmm.BYTES);
                    a.add(RBX, (long) RowPasses.vectors(form.channels) * Zmm.BYTES);
                });
    }

    /** Columns of the tiles that are transformed at a time. */
    private int tilesColumns() {
        return SIZE * form.transformed.perWord();
    }

    /** This vector's share of the lines that the next strip reads and this one does not. */
    private void fetch() {
        int vectors = RowPasses.vectors(form.channels);
        int count =
                RowPasses.lines(Math.ceilDiv(SIZE * tilesColumns() * form.pixel, (long) vectors));
        for (int i = 0; i < count; i++) {
            a.prefetchSecondLevel(R13.at(i * Zmm.BYTES));
        }
        a.add(R13, (long) count * Zmm.BYTES);
    }

    // ---------------------------------------------------------------- columns

    /** Columns outside the image. */
    private void zeros(int columns) {
        for (int c = 0; c < columns; c++) {
            for (int i = 0; i < LINES; i++) {
                a.store(ZERO, transformed(i));
            }
            a.add(RBX, Zmm.BYTES);
        }
    }

    private Address transformed(int line) {
        return RBX.at(line * stripLine);
    }

    /** The pixels above each other in registers 0 and up, and their transform. */
    private void column(Mask mask) {
        int height = form.gradient ? SIZE : LINES;
        for (int i = 0; i < height; i++) {
            int line = i - form.above;
            if (line < 0 || line >= form.lines) {
                a.zero(zmm(i));
                continue;
            }
            form.storage.load(a, zmm(i), RAX.at(line * form.width * form.pixel), mask);
            if (form.normalised) {
                a.multiplyAdd(zmm(i), SCALE, SHIFT);
                a.maximum(zmm(i), ZERO, zmm(i));
            }
        }
        transform((i, value) -> a.store(value, transformed(i)));
        a.add(RAX, form.pixel);
        a.add(RBX, Zmm.BYTES);
    }

    // ---------------------------------------------------------------- lines

    /** The transforms of a line of one or two tiles' columns. */
    private void line(int line) {
        if (form.transformed == Storage.FLOAT32) {
            tileLine(line, 0, (j, value) -> a.store(value, element(line, j)));
            return;
        }
        tileLine(line, 0, (j, value) -> a.copy(zmm(EVEN + j), value));
        tileLine(
                line,
                1,
                (j, value) -> {
                    Zmm pairs = zmm(EVEN + j);
                    a.round(pairs, value, pairs);
                    a.permuteHalves(pairs, PAIRS, pairs);
                    a.store(pairs, element(line, j));
                });
    }

    /** A line of a tile's columns in registers 0 and up, and its transform. */
    private void tileLine(int line, int tile, TransformCode.ResultOf put) {
        int width = form.gradient ? SIZE : LINES;
        for (int j = 0; j < width; j++) {
            long column = SIZE * tile + j;
            a.load(zmm(j), RAX.at(line * stripLine + column * Zmm.BYTES));
        }
        transform(put);
    }

    private Address element(int line, int column) {
        return RBX.at((LINES * line + column) * form.matrix);
    }

    /** Of registers 0 and up. */
    private void transform(TransformCode.ResultOf put) {
        if (form.gradient) {
            transform.gradient(Zmm::zmm, put);
        } else {
            transform.source(Zmm::zmm, put);
        }
    }
}
