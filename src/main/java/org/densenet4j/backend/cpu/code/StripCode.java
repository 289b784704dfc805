package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * The transforms of a strip of an image in Winograd's F(4x4, 3x3): four lines of tiles' outputs,
 * and the six lines of the source that they read.
 *
 * <pre>
 * strip = the six lines, or relu(bn(·)) of them, framed by zeros        stays in the cache
 * V[e]  = (Bᵀ·d·B)[e]     of the 6x6 pixels of each tile                [tiles, C] for each of 36 e
 * D[e]  = (A·dy·Aᵀ)[e]    of the inner 4x4 pixels of a gradient instead
 * </pre>
 */
public final class StripCode implements AutoCloseable {
    /** Lines that a strip of tiles reads. */
    public static final int LINES = 6;

    /** Bits of the vectors that channels are padded to. */
    public static final int VECTOR_BITS = 8 * Zmm.BYTES;

    private static final int LINE = 0;
    private static final int SCALE = 48;
    private static final int SHIFT = 56;
    private static final int STRIP = 64;
    private static final int CONSTANTS = 72;
    private static final int MATRICES = 80;

    /** Bytes of arguments. */
    public static final int ARGUMENTS = 88;

    private static final int FILLED_AT_ONCE = 8;
    private static final int TEMPORARIES = 12;

    private final Assembler a = new Assembler();
    private final TransformCode transform = new TransformCode(a);
    private final Form form;
    private final int vectors;
    private final int across;
    private final long stripPixel;
    private final long stripLine;
    private final NativeCode code;

    /**
     * What is compiled.
     *
     * @param storage of the source
     * @param width pixels of a line
     * @param channels of the source
     * @param pixel bytes from pixel to pixel of the source
     * @param normalised whether the source goes through a batch normalisation and a ReLU
     * @param gradient whether D is made, of a gradient, instead of V
     * @param matrix bytes from one of the 36 matrices to the next
     */
    public record Form(
            Storage storage,
            int width,
            int channels,
            long pixel,
            boolean normalised,
            boolean gradient,
            long matrix) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public StripCode(Form form) {
        this.form = form;
        this.vectors = RowPasses.vectors(form.channels);
        this.across = Math.ceilDiv(form.width, 4);
        this.stripPixel = (long) vectors * Zmm.BYTES;
        this.stripLine = stripLine(form.width, vectors);
        this.code = new NativeCode(whole());
    }

    /** An odd number of cache lines, so that six pixels above each other are in different sets. */
    private static long stripLine(int width, int vectors) {
        long pixels = 4L * Math.ceilDiv(width, 4) + 2;
        return (pixels * vectors | 1) * Zmm.BYTES;
    }

    /** Bytes of the strip and of what the transforms keep in memory. */
    public static long stripBytes(int width, int channels) {
        return LINES * stripLine(width, RowPasses.vectors(channels)) + TEMPORARIES * Zmm.BYTES;
    }

    /**
     * Runs; all are addresses.
     *
     * @param lines of the source, 0 for lines outside the image
     * @param constants floats 2, 4, 5 and 8
     * @param matrices where V or D of the first tile goes
     */
    public void run(
            MemorySegment arguments,
            long[] lines,
            long scale,
            long shift,
            long strip,
            long constants,
            long matrices) {
        for (int i = 0; i < LINES; i++) {
            arguments.set(JAVA_LONG, LINE + 8L * i, lines[i]);
        }
        arguments.set(JAVA_LONG, SCALE, scale);
        arguments.set(JAVA_LONG, SHIFT, shift);
        arguments.set(JAVA_LONG, STRIP, strip);
        arguments.set(JAVA_LONG, CONSTANTS, constants);
        arguments.set(JAVA_LONG, MATRICES, matrices);
        code.call(arguments);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.first(Mask.K1, form.channels % Zmm.FLOATS);
        for (int v = 0; v < vectors; v += FILLED_AT_ONCE) {
            fill(v, Math.min(FILLED_AT_ONCE, vectors - v));
        }
        a.load(RCX, RDI.at(STRIP));
        a.addressOf(R9, RCX.at(LINES * stripLine));
        a.load(RAX, RDI.at(CONSTANTS));
        transform.constants(RAX.at(0), !form.gradient);
        a.addressOf(R11, RCX.at(form.gradient ? stripLine + stripPixel : 0));
        a.load(R14, RDI.at(MATRICES));
        forEachVectorOfTiles(form.gradient ? this::gradient : this::source);
        a.leave();
        return a.bytes();
    }

    // ---------------------------------------------------------------- the strip

    /** Some vectors of every pixel of the six lines. */
    private void fill(int first, int count) {
        long column = (long) first * Zmm.BYTES;
        a.zero(RowPasses.ZERO);
        if (form.normalised) {
            a.load(RAX, RDI.at(SCALE));
            a.load(RBX, RDI.at(SHIFT));
            for (int v = 0; v < count; v++) {
                Mask mask = mask(first + v);
                a.load(zmm(8 + v), RAX.at(column + v * Zmm.BYTES), mask);
                a.load(zmm(16 + v), RBX.at(column + v * Zmm.BYTES), mask);
            }
        }
        a.load(RCX, RDI.at(STRIP));
        a.copy(RSI, RDI);
        a.repeat(
                LINES,
                R12,
                () -> {
                    a.load(RAX, RSI.at(LINE));
                    a.addressOf(RBX, RCX.at(column));
                    zeros(1, count);
                    a.ifZero(
                            RAX,
                            () -> a.repeat(form.width, R13, () -> zeros(1, count)),
                            () -> a.repeat(form.width, R13, () -> pixel(first, count)));
                    zeros(4 * across + 1 - form.width, count);
                    a.add(RCX, stripLine);
                    a.add(RSI, 8);
                });
    }

    private void zeros(int pixels, int count) {
        for (int i = 0; i < pixels; i++) {
            for (int v = 0; v < count; v++) {
                a.store(RowPasses.ZERO, RBX.at(v * Zmm.BYTES));
            }
            a.add(RBX, stripPixel);
        }
    }

    private void pixel(int first, int count) {
        for (int v = 0; v < count; v++) {
            long stored = (first + v) * form.storage.vectorBytes();
            form.storage.load(a, zmm(v), RAX.at(stored), mask(first + v));
        }
        for (int v = 0; v < count; v++) {
            if (form.normalised) {
                a.multiplyAdd(zmm(v), zmm(8 + v), zmm(16 + v));
                a.maximum(zmm(v), RowPasses.ZERO, zmm(v));
            }
            a.store(zmm(v), RBX.at(v * Zmm.BYTES));
        }
        a.add(RAX, form.pixel);
        a.add(RBX, stripPixel);
    }

    private Mask mask(int vector) {
        return RowPasses.mask(vector, form.channels);
    }

    // ---------------------------------------------------------------- transforms

    /**
     * Runs {@code body} with R8 at the pixels and R10 at the result, R11 and R14 being the first.
     */
    private void forEachVectorOfTiles(Runnable body) {
        a.repeat(
                across,
                R12,
                () -> {
                    a.copy(R8, R11);
                    a.copy(R10, R14);
                    a.repeat(
                            vectors,
                            R13,
                            () -> {
                                body.run();
                                a.add(R8, Zmm.BYTES);
                                a.add(R10, Zmm.BYTES);
                            });
                    a.add(R11, 4 * stripPixel);
                    a.add(R14, stripPixel);
                });
    }

    private Address pixelAt(int line, int column) {
        return R8.at(line * stripLine + column * stripPixel);
    }

    private Address element(int line, int column) {
        return R10.at((6 * line + column) * form.matrix);
    }

    private static Address temporary(int i) {
        return R9.at(i * Zmm.BYTES);
    }

    private void source() {
        for (int j = 0; j < 6; j++) {
            int column = j;
            transform.sourceColumn(
                    i -> pixelAt(i, column),
                    i -> zmm(6 * i + column),
                    i -> temporary(6 * (i - 4) + column));
        }
        for (int i = 0; i < 6; i++) {
            int line = i;
            int first = i < 4 ? 6 * i : 0;
            for (int j = 0; i >= 4 && j < 6; j++) {
                a.load(zmm(j), temporary(6 * (i - 4) + j));
            }
            transform.sourceRow(j -> zmm(first + j), j -> element(line, j));
        }
    }

    private void gradient() {
        for (int j = 0; j < 4; j++) {
            int column = j;
            for (int i = 0; i < 4; i++) {
                a.load(zmm(16 + i), pixelAt(i, j));
            }
            transform.gradient(
                    i -> zmm(16 + i),
                    (i, value) -> {
                        if (i < 4) {
                            a.copy(zmm(4 * i + column), value);
                        } else {
                            a.store(value, temporary(4 * (i - 4) + column));
                        }
                    });
        }
        for (int i = 0; i < 6; i++) {
            int line = i;
            int first = i < 4 ? 4 * i : 16;
            for (int j = 0; i >= 4 && j < 4; j++) {
                a.load(zmm(16 + j), temporary(4 * (i - 4) + j));
            }
            transform.gradient(j -> zmm(first + j), (j, value) -> a.store(value, element(line, j)));
        }
    }
}
