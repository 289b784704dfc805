package org.densenet4j.backend;

/**
 * The shape of a matrix product {@code C[m, n] = op(A)[m, k] · op(B)[k, n]}, optionally added to C.
 *
 * <p>Leading dimensions are the strides of the matrices as they are stored: a transposed A is
 * stored as {@code [k, m]} with rows {@code lda} elements apart. Sums are taken in float32 whatever
 * the types.
 *
 * @param m rows of op(A) and of C
 * @param n columns of op(B) and of C
 * @param k columns of op(A) and rows of op(B): terms of each sum
 * @param lda elements from one row of A, as it is stored, to the next
 * @param ldb elements from one row of B, as it is stored, to the next
 * @param ldc elements from one row of C to the next
 * @param transposeA whether A is stored as {@code [k, m]}
 * @param transposeB whether B is stored as {@code [n, k]}
 * @param accumulate whether the product is added to C, which is overwritten otherwise
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

    /**
     * A product of float32 matrices.
     *
     * @param m rows of op(A) and of C
     * @param n columns of op(B) and of C
     * @param k columns of op(A) and rows of op(B): terms of each sum
     * @param lda elements from one row of A, as it is stored, to the next
     * @param ldb elements from one row of B, as it is stored, to the next
     * @param ldc elements from one row of C to the next
     * @param transposeA whether A is stored as {@code [k, m]}
     * @param transposeB whether B is stored as {@code [n, k]}
     * @param accumulate whether the product is added to C, which is overwritten otherwise
     */
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

    /**
     * {@return the shape of {@code c = op(a)·op(b)} (or {@code c += …}) for these views}
     *
     * @param a A as it is stored
     * @param transposeA whether op(A) is its transpose
     * @param b B as it is stored, of the same type as A
     * @param transposeB whether op(B) is its transpose
     * @param c C
     * @param accumulate whether the product is added to C, which is overwritten otherwise
     */
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
