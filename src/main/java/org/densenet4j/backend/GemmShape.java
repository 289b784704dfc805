package org.densenet4j.backend;

/**
 * The shape of a matrix product {@code C[m, n] = op(A)[m, k] · op(B)[k, n]}, optionally added to C.
 *
 * <p>Leading dimensions are the strides of the matrices as they are stored: a transposed A is
 * stored as {@code [k, m]} with rows {@code lda} elements apart. Sums are taken in float32 whatever
 * the types.
 *
 * @param operands storage of A and B
 * @param result storage of C
 */
public record GemmShape(
        int m,
        int n,
        int k,
        int lda,
        int ldb,
        int ldc,
        boolean transposeA,
        boolean transposeB,
        boolean accumulate,
        DataType operands,
        DataType result) {

    /** A product of float32 matrices. */
    public GemmShape(
            int m,
            int n,
            int k,
            int lda,
            int ldb,
            int ldc,
            boolean transposeA,
            boolean transposeB,
            boolean accumulate) {
        this(
                m,
                n,
                k,
                lda,
                ldb,
                ldc,
                transposeA,
                transposeB,
                accumulate,
                DataType.FLOAT32,
                DataType.FLOAT32);
    }

    /** {@return the shape of {@code c = op(a)·op(b)} (or {@code c += …}) for these views} */
    public static GemmShape of(
            Matrix a,
            boolean transposeA,
            Matrix b,
            boolean transposeB,
            Matrix c,
            boolean accumulate) {
        int m = transposeA ? a.columns() : a.rows();
        int k = transposeA ? a.rows() : a.columns();
        int n = transposeB ? b.rows() : b.columns();
        int kOfB = transposeB ? b.columns() : b.rows();
        if (k != kOfB || c.rows() != m || c.columns() != n || a.type() != b.type()) {
            throw new IllegalArgumentException("cannot multiply " + a + " by " + b + " into " + c);
        }
        return new GemmShape(
                m,
                n,
                k,
                a.stride(),
                b.stride(),
                c.stride(),
                transposeA,
                transposeB,
                accumulate,
                a.type(),
                c.type());
    }

    /** {@return floating-point operations: a multiply and an add per term} */
    public long flops() {
        return 2L * m * n * k;
    }

    @Override
    public String toString() {
        return "matrix product "
                + m
                + " x "
                + n
                + " x "
                + k
                + (transposeA ? " (A transposed)" : "")
                + (transposeB ? " (B transposed)" : "")
                + (operands == DataType.FLOAT32 ? "" : " in " + operands);
    }
}
