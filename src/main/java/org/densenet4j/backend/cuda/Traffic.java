package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What one launch or library call moves and computes, for a trace.
 *
 * <p>Each operand counts once, however often its elements are fetched again through a cache; one
 * that is changed in place counts as read and as written. Workspaces of libraries are not known and
 * not counted.
 *
 * @param reads operands that are read
 * @param writes operands that are written
 * @param flops of products and convolutions, two for each multiply-add
 * @param walk in which order it comes to their rows
 * @param beside what other blocks of the same launch do at the same time
 */
record Traffic(
        List<Matrix> reads, List<Matrix> writes, long flops, Walk walk, Optional<Traffic> beside) {
    static Traffic reading(Matrix... operands) {
        return new Traffic(List.of(operands), List.of(), 0, Walk.STRAIGHT, Optional.empty());
    }

    static Traffic filling(Matrix... operands) {
        return new Traffic(List.of(), List.of(operands), 0, Walk.STRAIGHT, Optional.empty());
    }

    /** A product reads A and B and writes C, which it reads too when it adds. */
    static Traffic of(GemmShape shape, Matrix a, Matrix b, Matrix c) {
        return reading(a, b).storing(c, shape.accumulate()).computing(shape.flops());
    }

    Traffic alsoReading(Matrix... operands) {
        return new Traffic(joined(reads, operands), writes, flops, walk, beside);
    }

    Traffic writing(Matrix... operands) {
        return new Traffic(reads, joined(writes, operands), flops, walk, beside);
    }

    /** Operands that are changed in place. */
    Traffic updating(Matrix... operands) {
        return new Traffic(joined(reads, operands), joined(writes, operands), flops, walk, beside);
    }

    /** An operand that is overwritten, or changed in place. */
    Traffic storing(Matrix operand, boolean readToo) {
        return readToo ? updating(operand) : writing(operand);
    }

    Traffic computing(long operations) {
        return new Traffic(reads, writes, operations, walk, beside);
    }

    Traffic walking(Walk order) {
        return new Traffic(reads, writes, flops, order, beside);
    }

    Traffic beside(Traffic ofOtherBlocks) {
        return new Traffic(reads, writes, flops, walk, Optional.of(ofOtherBlocks));
    }

    private static List<Matrix> joined(List<Matrix> some, Matrix... more) {
        if (some.isEmpty()) {
            return List.of(more);
        }
        List<Matrix> all = new ArrayList<>(some);
        all.addAll(List.of(more));
        return all;
    }

    /** Of both together. */
    Traffic plus(Traffic other) {
        return new Traffic(
                joined(reads, other.reads.toArray(Matrix[]::new)),
                joined(writes, other.writes.toArray(Matrix[]::new)),
                flops + other.flops,
                walk,
                beside);
    }

    /** Bytes read and written. */
    long bytes() {
        long sum = 0;
        for (Matrix operand : reads) {
            sum += operand.bytes();
        }
        for (Matrix operand : writes) {
            sum += operand.bytes();
        }
        return sum + beside.map(Traffic::bytes).orElse(0L);
    }
}
