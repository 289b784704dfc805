package org.densenet4j.data;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** {@link LineSums} with as many bytes at a time as a vector has 32-bit integers. */
final class VectorLineSums implements LineSums {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;

    /** The shortest vector of bytes there is. */
    private static final int LEAST_BITS = 64;

    /** As many bytes as there are integers. */
    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(
                    byte.class,
                    VectorShape.forBitSize(Math.max(LEAST_BITS, INTS.vectorBitSize() / 4)));

    private VectorLineSums() {}

    /** The plain loop where integers come four at a time: there are no vectors of four bytes. */
    static LineSums best() {
        return BYTES.length() == INTS.length() ? new VectorLineSums() : LineSums::oneByOne;
    }

    @Override
    public void sum(byte[] lines, int from, int[] weights, byte[] out, int at, int length) {
        int bound = INTS.loopBound(length);
        for (int j = 0; j < bound; j += INTS.length()) {
            IntVector sum = IntVector.broadcast(INTS, HALF);
            int line = from + j;
            for (int weight : weights) {
                ByteVector bytes = ByteVector.fromArray(BYTES, lines, line);
                IntVector wide =
                        (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
                sum = sum.add(wide.mul(weight));
                line += length;
            }
            IntVector clipped = sum.lanewise(VectorOperators.ASHR, PRECISION).max(0).min(255);
            ((ByteVector) clipped.convertShape(VectorOperators.I2B, BYTES, 0))
                    .intoArray(out, at + j);
        }
        LineSums.range(bound, lines, from, weights, out, at, length);
    }
}
