package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import java.util.stream.IntStream;

/**
 * The weight gradient of a 3x3 convolution out of Winograd's domain, {@code dg += Gᵀ·(Σ dU)·G} for
 * each pair of channels, the other way round of {@link WeightTransformCode}:
 *
 * <pre>
 * dU [lanes, 6, 6, rows, columns]     columns padded to whole vectors
 * dg [rows, columns, 3, 3]            dense
 * </pre>
 *
 * Sixteen columns at a time in registers; their nine taps go through a vector each in the cache,
 * from where they are gathered in dg's order. Reads 144 bytes for each lane and pair of channels,
 * and reads and writes 36.
 */
public final class WeightGradientCode implements AutoCloseable {
    /** Taps of a filter, and elements of a transformed one. */
    private static final int TAPS = 9;

    private static final int SIDE = 3;
    private static final int TILE = 6;

    /** Bytes of scratch. */
    public static final long SCRATCH_BYTES = TAPS * Zmm.BYTES;

    private static final Zmm SUM = zmm(21);
    private static final Zmm ORDERED = zmm(22);
    private static final Zmm PLACES = zmm(23);
    private static final Zmm TWELFTH = zmm(25);
    private static final Zmm TWENTYFOURTH = zmm(26);
    private static final Zmm QUARTER = zmm(27);
    private static final Zmm SIXTH = zmm(28);

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

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
    public WeightGradientCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs.
     *
     * @param sums address of the first row in the first matrix of the first lane
     * @param gradient address of the first row of dg
     * @param scratch address of {@link #SCRATCH_BYTES}
     * @throws IllegalStateException when closed
     */
    public void run(long sums, long gradient, long scratch) {
        code.call(sums, gradient, scratch, 0, 0);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.everywhere(TWELFTH, 1 / 12f);
        a.everywhere(TWENTYFOURTH, 1 / 24f);
        a.everywhere(QUARTER, 1 / 4f);
        a.everywhere(SIXTH, 1 / 6f);
        int vectors = RowPasses.vectors(form.columns);
        a.repeat(
                form.rows,
                R12,
                () -> {
                    for (int v = 0; v < vectors; v++) {
                        vector(v);
                    }
                    a.add(RDI, (long) vectors * Zmm.BYTES);
                    a.add(RSI, (long) form.columns * TAPS * Float.BYTES);
                });
        a.leave();
        return a.bytes();
    }

    private void vector(int v) {
        // Gᵀ times each of six columns; results of a column are in three registers.
        for (int x = 0; x < TILE; x++) {
            Zmm[] u = {
                zmm(SIDE * x),
                zmm(2 * TAPS),
                zmm(SIDE * x + 1),
                zmm(2 * TAPS + 1),
                zmm(2 * TAPS + 2),
                zmm(SIDE * x + 2)
            };
            for (int y = 0; y < TILE; y++) {
                loadSum(u[y], (TILE * y + x) * form.matrix + (long) v * Zmm.BYTES);
            }
            contract(u);
        }
        // Each of three rows times G.
        for (int y = 0; y < SIDE; y++) {
            Zmm[] u = new Zmm[TILE];
            for (int x = 0; x < TILE; x++) {
                u[x] = zmm(SIDE * x + y);
            }
            contract(u);
            Zmm[] taps = {u[0], u[2], u[5]};
            for (int x = 0; x < SIDE; x++) {
                a.store(taps[x], RDX.at((SIDE * y + x) * Zmm.BYTES));
            }
        }
        addTaps(v);
    }

    private void loadSum(Zmm to, long offset) {
        a.load(to, RDI.at(Math.toIntExact(offset)));
        for (int lane = 1; lane < form.lanes; lane++) {
            a.add(to, to, RDI.at(Math.toIntExact(lane * form.lane + offset)));
        }
    }

    /** Gᵀ times six values; the results are in the first, the third and the last of them. */
    private void contract(Zmm... u) {
        a.add(SUM, u[1], u[2]);
        a.subtract(u[2], u[2], u[1]);
        a.multiply(u[1], SUM, SIXTH);
        a.add(SUM, u[3], u[4]);
        a.subtract(u[4], u[3], u[4]);
        a.multiply(u[0], u[0], QUARTER);
        a.subtract(u[0], u[0], u[1]);
        a.addProduct(u[0], SUM, TWENTYFOURTH);
        a.multiply(u[2], u[2], SIXTH);
        a.addProduct(u[2], u[4], TWELFTH);
        a.subtract(u[5], u[5], u[1]);
        a.addProduct(u[5], SUM, SIXTH);
    }

    /** Adds sixteen channels' taps, which lie tap by tap in the scratch, to where they belong. */
    private void addTaps(int v) {
        int channels = Math.min(Zmm.FLOATS, form.columns - v * Zmm.FLOATS);
        for (int first = 0; first < channels * TAPS; first += Zmm.FLOATS) {
            int start = first;
            a.constant(
                    PLACES,
                    IntStream.range(0, Zmm.FLOATS)
                            .map(i -> place(Math.min(start + i, channels * TAPS - 1)))
                            .toArray());
            a.copy(Mask.K3, Mask.K0);
            a.gather(ORDERED, RDX.at(0), PLACES, Mask.K3);
            int rest = channels * TAPS - first;
            Mask mask = rest < Zmm.FLOATS ? Mask.K2 : Mask.K0;
            if (mask == Mask.K2) {
                a.first(Mask.K2, rest);
            }
            Address to = RSI.at(Float.BYTES * (v * Zmm.FLOATS * TAPS + first));
            a.load(SUM, to, mask);
            a.add(ORDERED, ORDERED, SUM);
            a.store(ORDERED, to, mask);
        }
    }

    /** Where in the scratch the n-th value of dg is. */
    private static int place(int n) {
        return n % TAPS * Zmm.BYTES + n / TAPS * Float.BYTES;
    }
}
