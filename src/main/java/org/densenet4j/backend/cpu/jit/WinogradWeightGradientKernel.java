package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

import java.util.stream.IntStream;

/**
 * The weight gradient of a 3x3 convolution out of Winograd's domain, {@code dg += Gᵀ·(Σ dU)·G} for
 * each pair of channels, the other way round of {@link WinogradWeightKernel}:
 *
 * <pre>
 * dU [lanes, 6, 6, rows, columns]     columns padded to whole vectors
 * dg [rows, columns, 3, 3]            dense
 * </pre>
 *
 * A vector of columns at a time; half transformed values and the nine taps go through the cache,
 * from where they are gathered in dg's order. Reads 144 bytes for each lane and pair of channels,
 * and reads and writes 36.
 */
public final class WinogradWeightGradientKernel extends Kernel {
    /** Taps of a filter, and elements of a transformed one. */
    private static final int TAPS = 9;

    private static final int SIDE = 3;
    private static final int TILE = 6;

    private static final Vector SUM = v(6);
    private static final Vector ORDERED = v(7);
    private static final Vector PLACES = v(8);
    private static final Vector TWELFTH = v(9);
    private static final Vector TWENTYFOURTH = v(10);
    private static final Vector QUARTER = v(11);
    private static final Vector SIXTH = v(12);

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param rows of a call
     * @param lanes sums to add up
     * @param lane from one lane's sum to the next
     * @param matrix from one of the 36 matrices to the next
     */
    public record Form(int rows, int columns, int lanes, long lane, long matrix) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public WinogradWeightGradientKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param sums address of the first row in the first matrix of the first lane
     * @param gradient address of the first row of dg
     * @param scratch address of {@link #scratchBytes}
     * @throws IllegalStateException when closed
     */
    public void run(long sums, long gradient, long scratch) {
        call(sums, gradient, scratch, 0, 0);
    }

    /** Bytes of scratch: columns that are half transformed, and taps. */
    public static long scratchBytes(InstructionSet set) {
        return (SIDE * TILE + TAPS) * (long) set.vectorBytes();
    }

    private void whole() {
        a.everywhere(TWELFTH, 1 / 12f);
        a.everywhere(TWENTYFOURTH, 1 / 24f);
        a.everywhere(QUARTER, 1 / 4f);
        a.everywhere(SIXTH, 1 / 6f);
        int vectors = set.vectors(form.columns);
        a.repeat(
                form.rows,
                R12,
                () -> {
                    for (int v = 0; v < vectors; v++) {
                        vector(v);
                    }
                    a.add(RDI, (long) vectors * set.vectorBytes());
                    a.add(RSI, (long) form.columns * TAPS * Float.BYTES);
                });
    }

    private void vector(int vector) {
        // Gᵀ times each of six columns.
        for (int x = 0; x < TILE; x++) {
            for (int y = 0; y < TILE; y++) {
                loadSum(v(y), (TILE * y + x) * form.matrix + (long) vector * set.vectorBytes());
            }
            contract();
            for (int y = 0; y < SIDE; y++) {
                a.store(contracted(y), half(y, x));
            }
        }
        // Each of three rows times G.
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < TILE; x++) {
                a.load(v(x), half(y, x));
            }
            contract();
            for (int x = 0; x < SIDE; x++) {
                a.store(contracted(x), RDX.at((SIDE * y + x) * (long) set.vectorBytes()));
            }
        }
        addTaps(vector);
    }

    /** Behind the taps. */
    private Address half(int line, int column) {
        return RDX.at((TAPS + TILE * line + column) * (long) set.vectorBytes());
    }

    private void loadSum(Vector to, long offset) {
        a.load(to, RDI.at(Math.toIntExact(offset)));
        for (int lane = 1; lane < form.lanes; lane++) {
            a.add(to, to, RDI.at(Math.toIntExact(lane * form.lane + offset)));
        }
    }

    /** Gᵀ times the values in registers 0 to 5; see {@link #contracted}. */
    private void contract() {
        a.add(SUM, v(1), v(2));
        a.subtract(v(2), v(2), v(1));
        a.multiply(v(1), SUM, SIXTH);
        a.add(SUM, v(3), v(4));
        a.subtract(v(4), v(3), v(4));
        a.multiply(v(0), v(0), QUARTER);
        a.subtract(v(0), v(0), v(1));
        a.addProduct(v(0), SUM, TWENTYFOURTH);
        a.multiply(v(2), v(2), SIXTH);
        a.addProduct(v(2), v(4), TWELFTH);
        a.subtract(v(5), v(5), v(1));
        a.addProduct(v(5), SUM, SIXTH);
    }

    /** Where the three results are. */
    private static Vector contracted(int index) {
        return v(index == 0 ? 0 : 3 * index - 1);
    }

    /** Adds a vector of channels' taps, which lie tap by tap, to where they belong. */
    private void addTaps(int vector) {
        int channels = Math.min(set.floats(), form.columns - vector * set.floats());
        for (int first = 0; first < channels * TAPS; first += set.floats()) {
            int start = first;
            a.constant(
                    PLACES,
                    IntStream.range(0, set.floats())
                            .map(i -> place(Math.min(start + i, channels * TAPS - 1)))
                            .toArray());
            a.gather(ORDERED, RDX.at(0), PLACES, Tail.WHOLE);
            int rest = channels * TAPS - first;
            Tail some = rest < set.floats() ? a.tail(rest) : Tail.WHOLE;
            Address to = RSI.at((long) Float.BYTES * (vector * set.floats() * TAPS + first));
            a.load(SUM, to, some);
            a.add(ORDERED, ORDERED, SUM);
            a.store(ORDERED, to, some);
        }
    }

    /** Where in the scratch the n-th value of dg is. */
    private int place(int n) {
        return n % TAPS * set.vectorBytes() + n / TAPS * Float.BYTES;
    }
}
